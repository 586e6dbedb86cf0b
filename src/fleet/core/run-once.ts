import { isTrue } from "#unitfile/core/fleet-values.ts";
import type { TimerPolicy } from "#unitfile/core/timer-policy.ts";
import { optionValues } from "#unitfile/core/unit-file.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { Job } from "./job.ts";
import type { MachineId } from "./machine-id.ts";
import type { RunResult } from "./run-result.ts";
import type { TimerRun } from "./timer-notes.ts";
import type { Unit } from "./unit.ts";
import type { Versioned } from "./unit-notes.ts";

/** The run of a unit that is wanted on a machine where it is to be launched. */
export interface WantedRun {
  /** Which: a greater number each time that somebody asks for it; the text of the unit counts besides. */
  readonly generation: number;
  /** It runs to its end and is then done, rather than being there from then on. */
  readonly once: boolean;
  /** It was done already, with a result that is on record. */
  readonly done: boolean;
  /** It takes the place of a run before that goes on. */
  readonly replaces: boolean;
}

/** Whether the unit runs to its end and is then done. */
export function runsOnce({ name, file, wants }: Pick<Unit, "name" | "file" | "wants">): boolean {
  if (wants.timer !== undefined) return true;
  if (!name.endsWith(".service")) return false;
  const last = (key: string) => optionValues(file, "Service", key).at(-1);
  return last("Type") === "oneshot" && !isTrue(last("RemainAfterExit"));
}

export function wantedRun(
  model: ClusterModel,
  job: Job,
  unit: Unit,
  machine: MachineId,
): WantedRun {
  if (unit.wants.timer !== undefined) return timedRun(model, job, unit.wants.timer);
  const generation = job.desiredIndex ?? 0;
  const once = runsOnce(unit);
  const result = lastResult(model, unit, machine);
  const done = once && result !== undefined && isOfWantedRun(result, job);
  return { generation, once, done, replaces: false };
}

/** Of a unit that the clock starts: the run that it was told last; 0, which is done, until there is one. */
function timedRun(model: ClusterModel, job: Job, { onOverlap }: TimerPolicy): WantedRun {
  const generation = timerRun(model, job)?.index ?? 0;
  const result = model.notes.results.get(job.name)?.value;
  const done = generation === 0 || result?.generation === generation;
  return { generation, once: true, done, replaces: onOverlap === "replace" };
}

/** The run that the clock told the unit last; one from before it was armed is none of now. */
export function timerRun(model: ClusterModel, job: Job): Versioned<TimerRun> | undefined {
  const run = model.notes.runs.get(job.name);
  return run !== undefined && run.index > (job.desiredIndex ?? 0) ? run : undefined;
}

/** The last result that is noted of the unit; of a global one, on this machine. */
export function lastResult(
  model: ClusterModel,
  unit: Pick<Unit, "name" | "wants">,
  machine: MachineId,
): RunResult | undefined {
  return model.notes.results.get(unit.name, unit.wants.global ? machine : undefined)?.value;
}

/** Whether a result is that of the run that is wanted now. */
export function isOfWantedRun(result: RunResult, job: Job): boolean {
  return result.hash === job.hash && result.generation === job.desiredIndex;
}
