import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import type { Unit } from "./unit.ts";

/** The best machine for the unit but for one; undefined when no other fits. */
export function otherMachine(
  model: ClusterModel,
  unit: Unit,
  except: MachineId,
): MachineId | undefined {
  const board = new Board(model);
  board.remove(unit.name);
  const rank = board.ranking.rankFor(unit);
  let best: { readonly id: MachineId; readonly rank: number } | undefined;
  for (const id of board.byLoad) {
    const machine = model.machines.get(id)!;
    const own = rank?.of(machine) ?? 0;
    if (id === except || (best !== undefined && own <= best.rank)) continue;
    if (board.misfit(unit, machine) !== undefined) continue;
    if (board.replacedBy(unit, machine).length === 0) best = { id, rank: own };
  }
  return best?.id;
}
