import type { ClusterModel, Job } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { describeMark } from "./machine-marks.ts";
import type { MachineEntry } from "./machine-table.ts";
import type { Misfit } from "./misfit.ts";

/** What a machine does for units now, in one word for people and programs. */
export type MachineState =
  | "ready"
  | "cordoned"
  | "draining"
  | "drained"
  | "leaving"
  | "held"
  | "gone";

/** `drained`: no unit is placed there any more; global units may run on. `held`: it lost the store and is alive. `gone`: it has no record. */
export function machineState(model: ClusterModel, id: MachineId): MachineState {
  const { cordoned, draining, held, leaving, record } = model.machine(id) ?? {};
  if (record === undefined) return held === undefined ? "gone" : "held";
  if (leaving === true) return "leaving";
  if (draining !== undefined) return model.placedOn(id).size === 0 ? "drained" : "draining";
  return cordoned === undefined ? "ready" : "cordoned";
}

/** Why the machine takes no more units, whatever they are; a mere cordon does not keep `isForced`. */
export function closedMisfit(
  machine: MachineEntry | undefined,
  isForced = false,
): Misfit | undefined {
  if (machine?.leaving === true) return { kind: "leaving" };
  if (machine?.draining !== undefined) {
    const { value } = machine.draining;
    const end = value.isOver ? "; its deadline has passed" : "";
    return { kind: "cordoned", how: `is drained ${describeMark(value)}${end}` };
  }
  if (machine?.cordoned !== undefined && !isForced)
    return { kind: "cordoned", how: `is cordoned ${describeMark(machine.cordoned.value)}` };
  return undefined;
}

/** Why units that are on the machine must go even if there is no other place for them. */
export function overdueMisfit(machine: MachineEntry | undefined): Misfit | undefined {
  return machine?.draining?.value.isOver === true ? closedMisfit(machine) : undefined;
}

/**
 * Why a global unit, whose metadata fits, does not run on the machine. One that was submitted before the machine was
 * cordoned goes on there, also after a reboot; a newer one begins when the machine is uncordoned. Only a drain whose
 * deadline has passed ends those that run.
 */
export function globalMisfit(
  machine: MachineEntry | undefined,
  job: Job,
  isLoaded: boolean,
): Misfit | undefined {
  const overdue = overdueMisfit(machine);
  if (overdue !== undefined) return overdue;
  const sinceIndex = machine?.cordoned?.index ?? machine?.draining?.index;
  if (isLoaded || sinceIndex === undefined || job.submittedIndex < sinceIndex) return undefined;
  return closedMisfit(machine);
}
