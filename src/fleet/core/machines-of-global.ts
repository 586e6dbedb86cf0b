import type { ClusterModel } from "./cluster-model.ts";
import type { Job } from "./job.ts";
import type { MachineId } from "./machine-id.ts";
import { globalMisfit } from "./machine-state.ts";
import { globalFits } from "./misfit.ts";
import type { Unit } from "./unit.ts";

/** Machines that a global unit belongs on now, sorted. */
export function machinesOfGlobal(model: ClusterModel, job: Job, unit: Unit): MachineId[] {
  const reported = model.states.get(job.name);
  return [...model.machines.values()]
    .filter((machine) => globalFits(unit, machine))
    .map(({ id }) => id)
    .filter((id) => !globalMisfit(model.machine(id), job, reported?.has(id) ?? false))
    .sort();
}
