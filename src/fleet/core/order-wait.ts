import type { ClusterModel } from "./cluster-model.ts";
import type { Job } from "./job.ts";
import type { MachineId } from "./machine-id.ts";
import { isOrdered, turnOf } from "./order.ts";
import { isRunning } from "./reconcile.ts";
import { wantedRun } from "./run-once.ts";

/**
 * What a unit that belongs on the machine, and is to be launched, waits for there by its After and Requires; undefined
 * when it was launched, or waits for nothing of the kind.
 */
export function orderWait(
  model: ClusterModel,
  job: Job,
  machine: MachineId | undefined,
): string | undefined {
  const { unit, desired, launchedOn } = job;
  const record = machine === undefined ? undefined : model.machines.get(machine);
  if (unit === undefined || desired !== "launched" || record === undefined) return undefined;
  if (unit.isTemplate || !isOrdered(unit.wants)) return undefined;
  const { activeState = "" } = model.states.get(job.name)?.get(record.id) ?? {};
  const hasFailed = unit.wants.global && activeState === "failed";
  if (isRunning(activeState) || hasFailed || wantedRun(model, job, unit, record.id).done)
    return undefined;
  if (!unit.wants.global && launchedOn === record.id && unit.wants.timer === undefined)
    return undefined;
  const turn = turnOf(model, unit, model.withMetadata(record), () => true);
  return turn.kind === "free" ? undefined : turn.lack;
}
