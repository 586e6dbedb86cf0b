import type { UnitName } from "#unitfile/core/unit-name.ts";
import { byTurn } from "./arrival-order.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { explain } from "./explain.ts";
import type { MachineId } from "./machine-id.ts";
import { describeMark } from "./machine-marks.ts";
import { machineState } from "./machine-state.ts";
import { isWantedMachine } from "./misfit.ts";
import { isRunning } from "./reconcile.ts";
import { type Decision, type LostMachines, schedule } from "./schedule.ts";
import type { SchemaDrain, SchemaDrainedUnit } from "./schema.ts";
import type { Unit } from "./unit.ts";
import type { Displaced } from "./units-apart.ts";

/** What may leave a machine now. */
export interface DrainMoves {
  /** Of units that go, and of those that go along with them; together they leave nobody without a place. */
  readonly decisions: readonly Decision[];
  /** Units that were looked at and fit nowhere else at the moment. */
  readonly stuck: readonly UnitName[];
}

/**
 * Which units of a machine that is drained may move away now, at most `room` and those that have to run beside them: by
 * the scheduler's own turn, each only where it fits, none at the price of another that would lose its place.
 */
export function drainMoves(
  model: ClusterModel,
  lost: LostMachines,
  machine: MachineId,
  { room, skip }: { readonly room: number; readonly skip: ReadonlySet<UnitName> },
): DrainMoves {
  const drain = model.machine(machine)?.draining?.value;
  if (drain === undefined || room <= 0) return { decisions: [], stuck: [] };
  const reason = `machine ${machine} is drained ${describeMark(drain)}`;
  const going = new Map<UnitName, Displaced>();
  const stuck: UnitName[] = [];
  let decisions: readonly Decision[] = [];
  for (const { name } of candidates(model, machine)) {
    if (going.size >= room) break;
    if (skip.has(name)) continue;
    // Planned together with those that go before it, which the model does not show yet.
    const plan = movesOf(model, lost, new Map([...going, [name, { reason }]]));
    if (plan === undefined) stuck.push(name);
    else {
      going.set(name, { reason });
      decisions = plan;
    }
  }
  return { decisions, stuck };
}

/** What moving these units would do; undefined when it would leave any unit without a place. */
function movesOf(
  model: ClusterModel,
  lost: LostMachines,
  displaced: ReadonlyMap<UnitName, Displaced>,
): readonly Decision[] | undefined {
  const decisions = schedule(model, lost, displaced.keys(), { displaced });
  return decisions.every(({ kind }) => kind === "move" || kind === "place") ? decisions : undefined;
}

/** Units that go by themselves; those that have to run beside one of them go when it does. */
function candidates(model: ClusterModel, machine: MachineId): Unit[] {
  const units = unitsOn(model, machine).sort(byTurn);
  const first = units.filter(
    ({ wants }) => !wants.machineOf.some((peer) => isOn(model, peer, machine)),
  );
  const along = withFollowers(
    model,
    machine,
    first.map(({ name }) => name),
  );
  // Those that have to run beside each other in a ring are nobody's followers.
  for (const unit of units) {
    if (along.has(unit.name)) continue;
    first.push(unit);
    for (const name of withFollowers(model, machine, [unit.name])) along.add(name);
  }
  return first;
}

function unitsOn(model: ClusterModel, machine: MachineId): Unit[] {
  const names = [...model.placedOn(machine)].sort();
  return names.flatMap((name) => model.jobs.get(name)?.unit ?? []);
}

function isOn(model: ClusterModel, unit: string, machine: MachineId): boolean {
  return model.placedOn(machine).has(unit as UnitName);
}

/** Units that are told machine by machine why they fit nowhere. */
const EXPLAINED_MAX = 8;

/** How far a drain is: every unit that is on the machine still, and why. */
export function viewDrain(
  model: ClusterModel,
  lost: LostMachines,
  held: ReadonlyMap<MachineId, string>,
  machine: MachineId,
): SchemaDrain {
  const drain = model.machine(machine)?.draining?.value;
  const { stuck } = drainMoves(model, lost, machine, {
    room: Number.POSITIVE_INFINITY,
    skip: new Set(),
  });
  const waiting = withFollowers(model, machine, stuck);
  const staying = withFollowers(model, machine, boundTo(model, machine));
  let explained = 0;
  const units = unitsOn(model, machine).map(({ name }): SchemaDrainedUnit => {
    const fate = staying.has(name) ? "stays" : waiting.has(name) ? "waits" : "moves";
    const isExplained = fate === "waits" && (explained += 1) <= EXPLAINED_MAX;
    const reasons = isExplained ? (explain(model, name, held)?.reasons ?? []) : [];
    return { unit: name, fate, global: false, reasons };
  });
  return {
    machineID: machine,
    state: machineState(model, machine),
    by: drain?.by ?? null,
    why: drain?.why ?? null,
    at: drain?.at ?? null,
    deadline: drain?.deadline ?? null,
    isOver: drain?.isOver ?? false,
    units: [...units, ...leftovers(model, machine)],
  };
}

/** Units that ask for this very machine. */
function boundTo(model: ClusterModel, machine: MachineId): UnitName[] {
  const record = model.machines.get(machine);
  return unitsOn(model, machine)
    .filter(
      ({ wants }) =>
        wants.machineId !== undefined &&
        record !== undefined &&
        isWantedMachine(wants.machineId, record),
    )
    .map(({ name }) => name);
}

/** The units, and those on the machine that have to run beside them. */
function withFollowers(
  model: ClusterModel,
  machine: MachineId,
  units: readonly UnitName[],
): Set<UnitName> {
  const all = new Set(units);
  for (const name of all)
    for (const follower of model.followers(name))
      if (isOn(model, follower, machine)) all.add(follower);
  return all;
}

/** What the machine reports of units that are not placed there: global ones, and those that are being stopped. */
function leftovers(model: ClusterModel, machine: MachineId): SchemaDrainedUnit[] {
  return [...model.states.keys()].sort().flatMap((unit): SchemaDrainedUnit[] => {
    const state = model.states.get(unit)?.get(machine);
    if (state === undefined || isOn(model, unit, machine)) return [];
    const global = model.globals.has(unit);
    if (!isRunning(state.activeState) && state.activeState !== "deactivating") return [];
    const isOver = model.machine(machine)?.draining?.value.isOver === true;
    return [{ unit, fate: global && !isOver ? "stays" : "stops", global, reasons: [] }];
  });
}
