import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { OnceHolder } from "./once-holder.ts";
import { wantedRun } from "./run-once.ts";
import type { RunResult } from "./run-result.ts";

/** The result to note of a run that nobody knows the end of, over the note of that index. */
export interface UnknownRun {
  readonly result: RunResult;
  readonly over: number | undefined;
}

/**
 * What is to be noted before the lock of a unit of which at most one copy may run goes from `holder`, or is taken for the
 * same run again: a run that may have begun under it, ended without a result and is still wanted is not to be made again.
 */
export function unknownRun(
  model: ClusterModel,
  name: UnitName,
  { machine, run }: OnceHolder,
): UnknownRun | undefined {
  const job = model.jobs.get(name);
  if (job?.unit === undefined || job.desired !== "launched" || run === undefined) return undefined;
  const wanted = wantedRun(model, job, job.unit, machine);
  const isSame = wanted.generation === run.generation && job.hash === run.hash;
  if (!wanted.once || wanted.done || !isSame) return undefined;
  const about = { exitStatus: undefined, signal: undefined, began: undefined, ended: undefined };
  const result = { ...run, machine, result: "unknown", detail: "cut off", ...about } as const;
  return { result, over: model.notes.results.get(name)?.index };
}
