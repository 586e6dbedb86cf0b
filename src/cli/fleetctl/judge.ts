import type { SchemaResult, SchemaUnit, SchemaUnitState } from "#fleet/core/schema.ts";

/** What a command waits for; `stopped` is what both stop and load end in. */
export type Goal = "launched" | "stopped" | "inactive";

/** What is known of a unit before waiting for it. */
export interface Expected {
  readonly name: string;
  readonly isOneshot: boolean;
  /** systemd calls it active as soon as its process exists, even if that is about to die. */
  readonly isActiveAtOnce: boolean;
  /** The clock starts it: once its machine has it, nothing more is to come of a command. */
  readonly isTimed?: boolean;
  /** Of the file that is to run; states of another file say nothing about this one. */
  readonly hash: string;
  /** The command made it known to the cluster, so it cannot have failed before. */
  readonly isNew: boolean;
  /** It was seen up since the command, so what systemd says now is no longer from before. */
  readonly hasRun: boolean;
}

/** What the API says of the unit now. */
export interface Observed {
  /** Undefined when the unit does not exist. */
  readonly unit: SchemaUnit | undefined;
  /** One for each machine that knows the unit. */
  readonly states: readonly SchemaUnitState[];
  /** Machines the unit belongs on, where that was asked for; of a global unit there may be many. */
  readonly machines?: readonly string[];
}

/**
 * How far a unit is. `settling` becomes `becomes` when it lasts: what is seen may be from before the command, for
 * agents report a little later than they act.
 */
export type Verdict =
  | { readonly kind: "reached" }
  | Failure
  | { readonly kind: "unplaced" }
  | { readonly kind: "waiting"; readonly for: string }
  | {
      readonly kind: "settling";
      readonly as: string;
      readonly lastsMs: number;
      readonly becomes: { readonly kind: "reached" } | Failure;
    };

/** It will not get there unless somebody does something. */
export interface Failure {
  readonly kind: "failed";
  readonly why: string;
  /** There is no such unit. */
  readonly isMissing?: true;
}

// What ends right after its start, such as a missing binary, is reported within this time of having been active: agents
// gather changes for 50 ms.
export const CONFIRM_MS = 75;
const REPORT_MS = 1000; // what an agent reports is seldom older than this
// A machine that starts hundreds of units at once takes seconds to begin with the last.
export const QUEUED_MS = 3000;
// The same, where taking a unit that has not begun for one that ended would be a false alarm.
const QUEUED_LONG_MS = 10_000;
const RESTARTING_MS = 10_000; // systemd's StartLimitIntervalSec: what has not stayed up by then will hardly do so

/** Decides from one look at a unit how far it is on the way to the goal. */
export function judge(goal: Goal, expected: Expected, observed: Observed): Verdict {
  switch (goal) {
    case "launched":
      return judgeLaunched(expected, observed);
    case "stopped":
      return judgeStopped(observed);
    case "inactive":
      return judgeInactive(observed);
    default:
      return goal satisfies never;
  }
}

/** `active (running)`, as systemctl shows it; just `failed` where both words are the same. */
export function stateText({
  systemdActiveState: active,
  systemdSubState: sub,
}: SchemaUnitState): string {
  return active === sub ? active : `${active} (${sub})`;
}

function judgeLaunched(expected: Expected, { unit, states }: Observed): Verdict {
  const changed = changedMeanwhile(unit, "launched");
  if (changed !== undefined) return changed;
  const ended = endOf(expected, unit, states);
  if (ended !== undefined) return ended;
  if (unit?.machineID === undefined) return { kind: "unplaced" };
  if (unit.waitsFor !== undefined && expected.isTimed !== true)
    return { kind: "waiting", for: unit.waitsFor };
  if (unit.currentState !== "launched") return { kind: "waiting", for: "its machine to launch it" };
  const state = reportOn(unit, states, expected);
  if (state === undefined) return { kind: "waiting", for: "the first report of its state" };
  if (expected.isTimed === true && state.systemdLoadState === "loaded") return { kind: "reached" };
  return judgeSystemd(state, expected);
}

/** What the result says, once there is one of the run that was asked for. */
function endOf(
  expected: Expected,
  unit: SchemaUnit | undefined,
  states: readonly SchemaUnitState[],
): Verdict | undefined {
  const result = unit?.result;
  if (unit === undefined || result?.current !== true) return undefined;
  const state = reportOn(unit, states, expected);
  // The state that goes with it is about to be reported.
  if (state?.systemdActiveState === "activating") return undefined;
  if (expected.isOneshot)
    return result.result === "success"
      ? { kind: "reached" }
      : { kind: "failed", why: howEnded(result) };
  if (state?.systemdLoadState !== "loaded" || isUp(state)) return undefined;
  const how = result.result === "success" ? "has ended" : howEnded(result);
  return { kind: "failed", why: `${how}: it is ${stateText(state)}` };
}

/** What became of a run that did not end well, as people are told of a unit. */
function howEnded({ result, text }: SchemaResult): string {
  if (result === "unknown") return "was cut off and may run at most once; ask for it anew";
  return text.replace(/^failed/, "has failed");
}

/** Whether the unit's machine says it launched it, and says so of the file that is wanted. */
export function isLaunched(
  unit: SchemaUnit,
  states: readonly SchemaUnitState[],
  expected: Pick<Expected, "hash">,
): boolean {
  return unit.currentState === "launched" && reportOn(unit, states, expected) !== undefined;
}

function reportOn(
  unit: SchemaUnit,
  states: readonly SchemaUnitState[],
  { hash }: Pick<Expected, "hash">,
): SchemaUnitState | undefined {
  return states.find((state) => state.machineID === unit.machineID && state.hash === hash);
}

/** The state in systemd of a unit that its agent has launched. */
function judgeSystemd(state: SchemaUnitState, expected: Expected): Verdict {
  const { isActiveAtOnce, isNew, isOneshot, hasRun } = expected;
  const as = stateText(state);
  const settling = (lastsMs: number): Verdict => ({
    kind: "settling",
    as,
    lastsMs,
    becomes: { kind: "failed", why: as === "failed" ? "has failed" : `is ${as}` },
  });
  if (!["loaded", "merged"].includes(state.systemdLoadState))
    return {
      kind: "settling",
      as: state.systemdLoadState,
      lastsMs: REPORT_MS,
      becomes: {
        kind: "failed",
        why: `could not be loaded by systemd (${state.systemdLoadState})`,
      },
    };
  switch (state.systemdActiveState) {
    case "active":
    case "reloading":
      if (!isActiveAtOnce) return { kind: "reached" };
      return { kind: "settling", as, lastsMs: CONFIRM_MS, becomes: { kind: "reached" } };
    case "failed":
      return settling(isNew || hasRun ? 0 : QUEUED_MS);
    case "inactive":
      if (!isOneshot) return settling(hasRun ? REPORT_MS : QUEUED_LONG_MS);
      if (hasRun) return { kind: "reached" };
      return { kind: "settling", as, lastsMs: QUEUED_MS, becomes: { kind: "reached" } };
    case "activating":
      if (state.systemdSubState === "auto-restart") return settling(RESTARTING_MS);
      return { kind: "waiting", for: `systemd, which says ${as}` };
    default:
      return { kind: "waiting", for: `systemd, which says ${as}` };
  }
}

function judgeStopped({ unit, states }: Observed): Verdict {
  const changed = changedMeanwhile(unit, "loaded");
  if (changed !== undefined) return changed;
  const up = states.find(isUp);
  if (up !== undefined) return { kind: "waiting", for: `systemd, which says ${stateText(up)}` };
  if (unit?.machineID === undefined) return { kind: "unplaced" };
  return unit.currentState === "loaded"
    ? { kind: "reached" }
    : { kind: "waiting", for: "its machine to load it" };
}

function judgeInactive({ unit, states }: Observed): Verdict {
  const changed = unit === undefined ? undefined : changedMeanwhile(unit, "inactive");
  if (changed !== undefined) return changed;
  const up = states.find(isUp);
  if (up !== undefined) return { kind: "waiting", for: `systemd, which says ${stateText(up)}` };
  const isOff = unit?.machineID === undefined && states.length === 0;
  return isOff ? { kind: "reached" } : { kind: "waiting", for: "its machine to unload it" };
}

function changedMeanwhile(
  unit: SchemaUnit | undefined,
  wanted: SchemaUnit["desiredState"],
): Verdict | undefined {
  if (unit === undefined)
    return { kind: "failed", why: "was destroyed meanwhile", isMissing: true };
  if (unit.desiredState === wanted) return undefined;
  return { kind: "failed", why: `was set to ${unit.desiredState} by someone else meanwhile` };
}

/** Whether systemd has the unit running, or on its way up or down. */
export function isUp({ systemdActiveState }: SchemaUnitState): boolean {
  return !["inactive", "failed", ""].includes(systemdActiveState);
}
