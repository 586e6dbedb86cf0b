import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { globalFits } from "./misfit.ts";
import { type Unit, unitOf } from "./unit.ts";

/** The unit of that name with a text that the cluster keeps. */
export function unitWithText(model: ClusterModel, name: UnitName, hash: string): Unit | undefined {
  const job = model.jobs.get(name);
  if (job?.hash === hash) return job.unit;
  const blob = model.blobs.get(hash);
  const unit = blob && unitOf(name, hash, blob.value);
  return unit === undefined || "problem" in unit ? undefined : unit;
}

/** Machines that one of the texts of a global unit fits, sorted. */
export function globalMachines(
  model: ClusterModel,
  units: readonly (Unit | undefined)[],
): MachineId[] {
  return [...model.machines.values()]
    .filter((machine) => units.some((unit) => unit !== undefined && globalFits(unit, machine)))
    .map(({ id }) => id)
    .sort();
}
