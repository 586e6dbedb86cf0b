import type { SchemaUnitState } from "#fleet/core/schema.ts";
import type { AwaitedState } from "./awaited.ts";
import { isActiveWord, placesOf, wordFor } from "./condition.ts";
import {
  CONFIRM_MS,
  type Expected,
  isUp,
  type Observed,
  QUEUED_MS,
  stateText,
  type Verdict,
} from "./judge.ts";

type About = Pick<Expected, "hash" | "isActiveAtOnce" | "isTimed">;

/** Decides from one look whether a unit is as awaited, and if not, what it lacks. */
export function judgeAwaited(awaited: AwaitedState, about: About, seen: Observed): Verdict {
  if (awaited === "gone") return judgeGone(seen);
  if (seen.unit === undefined)
    return { kind: "failed", why: "does not exist any more", isMissing: true };
  switch (awaited) {
    case "active":
      return judgeWanted(seen, "start it") ?? judgeActive(about, seen);
    case "failed":
      return judgeFailed(seen);
    case "healthy":
      return judgeWanted(seen, "start it") ?? judgeHealthy(about, seen);
    case "inactive":
      return judgeInactive(seen);
    case "launched":
      return judgeWanted(seen, "start it") ?? judgeLaunched(about, seen);
    case "placed":
      return judgeWanted(seen, "load or start it") ?? REACHED;
    default:
      return awaited satisfies never;
  }
}

const REACHED: Verdict = { kind: "reached" };

/** What keeps a unit from being anywhere, if anything does. */
function judgeWanted({ unit, machines = [] }: Observed, act: "start it" | "load or start it") {
  const desired = unit?.desiredState ?? "inactive";
  const isWanted = act === "start it" ? desired === "launched" : desired !== "inactive";
  if (!isWanted) return waiting(`somebody to ${act}: its desired state is ${desired}`);
  return machines.length === 0 ? ({ kind: "unplaced" } as const) : undefined;
}

function judgeActive(about: About, seen: Observed): Verdict {
  const launched = judgeLaunched(about, seen);
  if (launched.kind !== "reached") return launched;
  const states = reports(about, seen);
  const unloadable = states.find((s) => !["loaded", "merged"].includes(s.systemdLoadState));
  if (unloadable !== undefined) {
    const as = unloadable.systemdLoadState;
    return fails(as, `could not be loaded by systemd (${as})`);
  }
  const failed = states.find((s) => s.systemdActiveState === "failed");
  if (failed !== undefined) return fails(stateText(failed), "has failed");
  const lacking = states.find((s) => !isActiveWord(s.systemdActiveState));
  if (lacking !== undefined) return waitingForSystemd(lacking);
  if (!about.isActiveAtOnce) return REACHED;
  return { kind: "settling", as: "active", lastsMs: CONFIRM_MS, becomes: { kind: "reached" } };
}

/** Active, and by its checks, if it has any, at its work. */
function judgeHealthy(about: About, seen: Observed): Verdict {
  const active = judgeActive(about, seen);
  const isActive =
    active.kind === "reached" || (active.kind === "settling" && active.becomes.kind === "reached");
  if (!isActive) return active;
  const lacking = reports(about, seen).find(({ health = "healthy" }) => health !== "healthy");
  if (lacking === undefined) return active;
  const { healthReason } = lacking;
  return waiting(`its health check to pass${healthReason ? `, which says: ${healthReason}` : ""}`);
}

/** Whether every machine the unit belongs on reports the file that is wanted, and that it launched it. */
function judgeLaunched(about: About, seen: Observed): Verdict {
  const { unit, machines = [] } = seen;
  const ordered = unit?.waitsFor ?? seen.states.find((state) => state.waitsFor)?.waitsFor;
  if (ordered !== undefined && !about.isTimed) return waiting(ordered);
  const isOnOne = unit?.machineID !== undefined;
  if (isOnOne && unit.currentState !== "launched") return waiting("its machine to launch it");
  const reporting = new Set(reports(about, seen).map(({ machineID }) => machineID));
  const silent = machines.find((machine) => !reporting.has(machine));
  return silent === undefined ? REACHED : waiting(`the first report of its state by ${silent}`);
}

function reports({ hash }: About, { machines = [], states }: Observed): SchemaUnitState[] {
  return states.filter((s) => s.hash === hash && machines.includes(s.machineID));
}

function judgeFailed({ machines = [], states, unit }: Observed): Verdict {
  if (wordFor(placesOf(unit?.name ?? "", machines, states)) === "failed") return REACHED;
  const [state] = states;
  return state === undefined ? waiting("a report of its state") : waitingForSystemd(state);
}

function judgeInactive({ states }: Observed): Verdict {
  const up = states.find(isUp);
  if (up !== undefined) return waitingForSystemd(up);
  const failed = states.find((s) => s.systemdActiveState === "failed");
  return failed === undefined ? REACHED : fails(stateText(failed), "has failed");
}

function judgeGone({ unit, states }: Observed): Verdict {
  if (unit !== undefined) return waiting("somebody to destroy it");
  const [left] = states;
  return left === undefined ? REACHED : waiting(`machine ${left.machineID} to remove it`);
}

/** A failure that is reported may be from before a start that is under way. */
function fails(as: string, why: string): Verdict {
  return { kind: "settling", as, lastsMs: QUEUED_MS, becomes: { kind: "failed", why } };
}

function waitingForSystemd(state: SchemaUnitState): Verdict {
  return waiting(`systemd, which says ${stateText(state)}`);
}

function waiting(what: string): Verdict {
  return { kind: "waiting", for: what };
}
