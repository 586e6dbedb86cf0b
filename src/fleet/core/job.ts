import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { MachineId } from "./machine-id.ts";
import type { UnitStateName } from "./schema.ts";
import type { Unit } from "./unit.ts";
import type { Versioned } from "./unit-notes.ts";

/** What is known about one job: a unit that somebody submitted, and what should become of it. */
export interface Job {
  readonly name: UnitName;
  /** Undefined while the job has no object: it was destroyed, or is not all there yet. */
  readonly hash: string | undefined;
  /** The index at which its present file was submitted; 0 while it has no object. */
  readonly submittedIndex: number;
  /** Undefined while the unit file is missing or unreadable; then nobody acts on the job. */
  readonly unit: Unit | undefined;
  /** Undefined when the value cannot be read; then nobody acts on the job. */
  readonly desired: UnitStateName | undefined;
  /** Whether anything says what is desired; a job that is just being submitted counts as inactive until then. */
  readonly isDesiredSaid: boolean;
  /** When that was said last: each time is another wish, even for the same state. */
  readonly desiredIndex: number | undefined;
  /** The machine the engine chose. */
  readonly target: Versioned<MachineId> | undefined;
  /** Whether there is a target that cannot be read. */
  readonly targetUnreadable: boolean;
  /** The machine that says it launched the unit. */
  readonly launchedOn: string | undefined;
}

export type MutableJob = { -readonly [Part in keyof Job]: Job[Part] };

/** A job of which nothing is known yet. */
export function newJob(name: UnitName): MutableJob {
  return {
    name,
    hash: undefined,
    submittedIndex: 0,
    unit: undefined,
    desired: "inactive",
    isDesiredSaid: false,
    desiredIndex: undefined,
    target: undefined,
    targetUnreadable: false,
    launchedOn: undefined,
  };
}

/** Whether nothing is left of a job that has no object. */
export function isBlank(job: Job): boolean {
  return (
    job.target === undefined &&
    !job.targetUnreadable &&
    job.launchedOn === undefined &&
    job.desired === "inactive"
  );
}
