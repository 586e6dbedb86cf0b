import type { ClusterModel } from "./cluster-model.ts";
import { isHealthy, isServing } from "./health-note.ts";
import type { Job } from "./job.ts";
import type { MachineId } from "./machine-id.ts";
import { machinesOfGlobal } from "./machines-of-global.ts";
import type { MachineRecord } from "./records.ts";
import { textHere } from "./rolling-text.ts";
import { isOfWantedRun, lastResult, runsOnce, timerRun } from "./run-once.ts";
import { describeResult } from "./run-result.ts";
import type { Unit } from "./unit.ts";

/**
 * What a unit that is wanted lacks for others to start after it on this machine, in words that follow its name and
 * `which`; undefined when it serves. It serves when it is active somewhere with its present file and not unhealthy; one
 * that runs to its end when the run that is wanted ended well; a global one when it does so on this machine if it belongs
 * here, else on every machine that fits.
 */
export function servingGap(model: ClusterModel, job: Job, me: MachineRecord): string | undefined {
  const { unit } = job;
  if (unit === undefined) return "cannot be read";
  if (!unit.wants.global) return gapAnywhere(model, job, unit);
  const machines = machinesOfGlobal(model, job, unit);
  if (machines.length === 0) return "fits no machine";
  const gaps = (machines.includes(me.id) ? [me.id] : machines).map((id) =>
    gapOn(model, job, unit, id),
  );
  return gaps.find((gap) => gap !== undefined);
}

/** Of a unit that runs on one machine. */
function gapAnywhere(model: ClusterModel, job: Job, unit: Unit): string | undefined {
  const target = job.target?.value;
  if (runsOnce(unit)) return gapOfRun(model, job, unit, target);
  const reporting = [...(model.states.get(job.name)?.keys() ?? [])];
  if (reporting.some((machine) => isServing(model, job.name, machine))) return undefined;
  return target === undefined ? "is placed nowhere" : describeGap(model, job, target);
}

function gapOn(model: ClusterModel, job: Job, unit: Unit, machine: MachineId): string | undefined {
  if (runsOnce(unit)) return gapOfRun(model, job, unit, machine);
  return isServing(model, job.name, machine) ? undefined : describeGap(model, job, machine);
}

/** Of a unit that runs to its end, whose runs the clock may begin. */
function gapOfRun(
  model: ClusterModel,
  job: Job,
  unit: Unit,
  machine: MachineId | undefined,
): string | undefined {
  const result =
    machine === undefined && unit.wants.global ? undefined : resultOf(model, unit, machine);
  const run = unit.wants.timer && timerRun(model, job);
  if (unit.wants.timer !== undefined && run === undefined) return "the clock has not started yet";
  const isWanted =
    result !== undefined &&
    (run === undefined ? isOfWantedRun(result, job) : result.generation === run.index);
  if (!isWanted) return `has not ended yet${machine === undefined ? "" : ` on ${machine}`}`;
  return result.result === "success"
    ? undefined
    : `ended on ${result.machine}: ${describeResult(result)}`;
}

function resultOf(model: ClusterModel, unit: Unit, machine: MachineId | undefined) {
  return machine === undefined
    ? model.notes.results.get(unit.name)?.value
    : lastResult(model, unit, machine);
}

function describeGap(model: ClusterModel, { name }: Job, machine: MachineId): string {
  if (!model.machines.has(machine)) return `is on ${machine}, which is gone`;
  const state = model.states.get(name)?.get(machine);
  if (state === undefined) return `does not run on ${machine} yet`;
  if (state.activeState !== "active") return `is ${state.activeState} on ${machine}`;
  if (state.hash !== textHere(model, machine, name)?.hash)
    return `runs with another text on ${machine} than it is to have`;
  const health = isHealthy(model, name, machine);
  return health === "unhealthy"
    ? `is unhealthy on ${machine}`
    : `has not passed its health check on ${machine} yet`;
}
