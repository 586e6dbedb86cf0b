import type { FitOracle, Placement } from "./fit-oracle.ts";
import type { JobThen, RegistryHistory } from "./registry-history.ts";
import { isTemplate, type UnitSpec } from "./unit-spec.ts";

/** A ground on which something may be done, by what is on record. */
interface Cause<About> {
  readonly why: string;
  readonly holds: (about: About) => boolean;
}

/** A unit that an agent stops, and what the agent saw. */
export interface Stopping {
  readonly history: RegistryHistory;
  readonly machine: string;
  readonly unit: string;
  /** The hash of the unit's file on the machine. */
  readonly loaded: string | undefined;
  readonly index: number;
}

/** Everything that an agent may stop a unit for. */
const STOP_CAUSES: readonly Cause<Stopping>[] = [
  { why: "it was destroyed, and that is on record", holds: isDestroyed },
  { why: "it is not to run", holds: withJob(({ desired }) => desired !== "launched") },
  { why: "it is a template", holds: withJob(({ name }) => isTemplate(name)) },
  { why: "it has another text", holds: withJob(({ hash }, { loaded }) => hash !== loaded) },
  {
    why: "it is placed elsewhere, or nowhere",
    holds: withJob(({ spec, target }, { machine }) => !spec.global && target !== machine),
  },
  {
    why: "at most one copy may run, and another machine has the lock",
    holds: withJob(
      ({ spec, name }, { history, machine, index }) =>
        spec.leased === "once" && history.lockHolder(name, index) !== machine,
    ),
  },
  {
    why: "it is global, and the machine's metadata does not fit",
    holds: withJob(
      ({ spec }, { history, machine, index }) =>
        spec.global && !history.globalFits(spec, machine, index),
    ),
  },
  {
    why: "it is global, and the deadline of the machine's drain has passed",
    holds: withJob(
      ({ spec }, { history, machine, index }) => spec.global && history.isOverdue(machine, index),
    ),
  },
];

/** Why the unit may be stopped; undefined when it may not. */
export function causeOfStop(stopping: Stopping): string | undefined {
  return STOP_CAUSES.find(({ holds }) => holds(stopping))?.why;
}

function isDestroyed({ history, unit, index }: Stopping): boolean {
  if (history.job(unit, index) !== undefined) return false;
  const by = history.removal(unit, index);
  const directory = history.jobDirectory(unit);
  const isOwn = by !== undefined && (by.key === directory || by.key.startsWith(`${directory}/`));
  return (isOwn && by.action !== "expire") || history.tombstone(unit, index) !== undefined;
}

type WholeJob = JobThen & { readonly spec: UnitSpec };

/** Of a job that says all that there is to say; of another nothing may be concluded. */
function withJob(
  holds: (job: WholeJob, stopping: Stopping) => boolean,
): (stopping: Stopping) => boolean {
  return (stopping) => {
    const job = stopping.history.job(stopping.unit, stopping.index);
    if (job?.spec === undefined || job.desired === undefined) return false;
    return holds({ ...job, spec: job.spec }, stopping);
  };
}

/** A unit that an engine takes from a machine that it fits, and what the engine saw. */
export interface Taking {
  readonly history: RegistryHistory;
  readonly oracle: FitOracle;
  readonly spec: UnitSpec;
  readonly from: string;
  readonly to: string | undefined;
  readonly index: number;
  /** Placements before and after the whole plan. */
  readonly before: Placement;
  readonly after: Placement;
}

/** Everything that an engine may move a unit for, or leave it without a machine. */
const MOVE_CAUSES: readonly Cause<Taking>[] = [
  {
    why: "something speaks against its staying",
    holds: ({ oracle, spec, from, index, before }) =>
      oracle.misfit(spec, from, index, before) !== undefined,
  },
  {
    why: "something would once all else is done",
    holds: ({ oracle, spec, from, index, after }) =>
      oracle.misfit(spec, from, index, after) !== undefined,
  },
  {
    why: "its machine is drained, and there is another place for it",
    holds: ({ history, from, to, index }) => to !== undefined && history.isDrained(from, index),
  },
];

/** Why the unit may be taken away; undefined when it may not. */
export function causeOfMove(taking: Taking): string | undefined {
  return MOVE_CAUSES.find(({ holds }) => holds(taking))?.why;
}
