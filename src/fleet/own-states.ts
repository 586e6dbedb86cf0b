import type { ClusterModel } from "./core/cluster-model.ts";
import type { MachineId } from "./core/machine-id.ts";
import { inParallel } from "./in-parallel.ts";
import type { Registry } from "./registry.ts";

const WRITES_MAX = 32;

/** Takes back what an earlier boot of the machine told of units: nothing of that runs any more. */
export async function clearOwnStates(
  model: ClusterModel,
  registry: Registry,
  me: MachineId,
  signal: AbortSignal,
): Promise<void> {
  const told = [...model.states].filter(([, states]) => states.has(me)).map(([unit]) => unit);
  await inParallel(told.sort(), WRITES_MAX, async (unit) => {
    await registry.removeState(unit, me, signal);
  });
}
