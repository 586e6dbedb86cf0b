import type { HealthPolicy } from "#unitfile/core/health-policy.ts";
import { type HealthNote, RESTARTS_MAX } from "./health-note.ts";

/** The pause after the first restart; it doubles with each that follows. */
const PAUSE_MS = 10_000;
const PAUSE_MAX_MS = 5 * 60_000;
/** Health that lasts so long ends a row of restarts. */
const STEADY_MS = 5 * 60_000;
/** A unit that is to be moved is left to the engine for so long before it is restarted once more. */
const MOVE_MS = 60_000;
/** Until the first success it is asked at least so often, so that whoever waits for that hears of it soon. */
const START_INTERVAL_MS = 1_000;

/** What is known of the health of a unit on this machine. Times are monotonic, in milliseconds. */
export interface Health {
  /** `inactive` while systemd does not have it active, `starting` until the first verdict since. */
  readonly state: "inactive" | "starting" | "healthy" | "unhealthy";
  /** When it came into this state. */
  readonly sinceMs: number;
  /** Checks in a row that failed, and count. */
  readonly failures: number;
  /** What the last failure said; empty after a success. */
  readonly reason: string;
  /** Restarts in a row that did not help. */
  readonly restarts: number;
  /** It is not restarted again before. */
  readonly restartFromMs: number;
  /** The last verdict, as it is told; kept through a restart for the unit's health. */
  readonly told: Told | undefined;
}

interface Told {
  readonly healthy: boolean;
  readonly since: string;
  readonly failures: number;
  readonly reason: string;
}

export type HealthEvent =
  | { readonly kind: "started"; readonly nowMs: number }
  | { readonly kind: "stopped"; readonly nowMs: number }
  | {
      readonly kind: "checked";
      /** Why it failed; undefined when it passed. */
      readonly failure: string | undefined;
      readonly nowMs: number;
      /** Wall time, for people. */
      readonly now: string;
    };

export interface HealthStep {
  readonly next: Health;
  /** Why the unit is to be restarted now, if it is. */
  readonly restart: string | undefined;
}

export const UNSEEN: Health = {
  state: "inactive",
  sinceMs: 0,
  failures: 0,
  reason: "",
  restarts: 0,
  restartFromMs: 0,
  told: undefined,
};

/** Goes on from what an agent before this one had told of the same run of the unit. */
export function resumeHealth(note: HealthNote, nowMs: number): Health {
  const { healthy, since, failures, reason, restarts } = note;
  return {
    state: healthy ? "healthy" : "unhealthy",
    sinceMs: nowMs,
    failures: healthy ? 0 : failures,
    reason,
    restarts,
    restartFromMs: nowMs + pauseMs(restarts),
    told: { healthy, since, failures, reason },
  };
}

/** What an event makes of a unit's health, and whether it is to be restarted for it. */
export function stepHealth(current: Health, event: HealthEvent, policy: HealthPolicy): HealthStep {
  switch (event.kind) {
    case "started":
      return stay({ ...current, state: "starting", sinceMs: event.nowMs, failures: 0, reason: "" });
    case "stopped":
      return stay({ ...current, state: "inactive", sinceMs: event.nowMs, failures: 0 });
    case "checked":
      if (current.state === "inactive") return stay(current); // the answer came too late
      return event.failure === undefined
        ? stay(passed(current, event))
        : failed(current, { ...event, failure: event.failure }, policy);
    default:
      return event satisfies never;
  }
}

type Checked = HealthEvent & { kind: "checked" };

function stay(next: Health): HealthStep {
  return { next, restart: undefined };
}

function passed(current: Health, { nowMs, now }: Checked): Health {
  if (current.state !== "healthy") {
    const told = { healthy: true, since: now, failures: 0, reason: "" };
    return { ...current, state: "healthy", sinceMs: nowMs, failures: 0, reason: "", told };
  }
  const isSteady = nowMs - current.sinceMs >= STEADY_MS;
  const restarts = isSteady ? 0 : current.restarts;
  return { ...current, failures: 0, reason: "", restarts };
}

function failed(
  current: Health,
  { nowMs, now, failure }: Checked & { readonly failure: string },
  policy: HealthPolicy,
): HealthStep {
  const isEarly = current.state === "starting" && nowMs - current.sinceMs < policy.startMs;
  if (isEarly) return stay({ ...current, reason: failure });
  const failures = current.failures + 1;
  const counted = { ...current, failures, reason: failure };
  if (failures < policy.threshold) return stay(counted);
  const isNew = current.state !== "unhealthy";
  const unhealthy: Health = isNew
    ? {
        ...counted,
        state: "unhealthy",
        sinceMs: nowMs,
        told: { healthy: false, since: now, failures, reason: failure },
      }
    : counted;
  return restarted(unhealthy, isNew, nowMs, policy);
}

function restarted(
  current: Health,
  isNew: boolean,
  nowMs: number,
  { onUnhealthy }: HealthPolicy,
): HealthStep {
  if (onUnhealthy !== "restart") return stay(current);
  const { restarts, reason, failures } = current;
  // Nothing helped so far: the engine may know a better machine.
  const restartFromMs =
    isNew && restarts >= RESTARTS_MAX
      ? Math.max(current.restartFromMs, nowMs + MOVE_MS)
      : current.restartFromMs;
  if (nowMs < restartFromMs) return stay({ ...current, restartFromMs });
  const next: Health = {
    ...current,
    state: "starting",
    sinceMs: nowMs,
    failures: 0,
    restarts: restarts + 1,
    restartFromMs: nowMs + pauseMs(restarts + 1),
  };
  const times = `${failures} ${failures === 1 ? "check" : "checks in a row"}`;
  return { next, restart: `unhealthy by ${times}: ${reason}` };
}

/** How long the unit has to try for itself after so many restarts. */
function pauseMs(restarts: number): number {
  return restarts === 0 ? 0 : Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** (restarts - 1));
}

/** What is to be told of it under its note; undefined for nothing yet. */
export function healthNoteOf(
  { state, told, restarts }: Health,
  hash: string,
  policy: HealthPolicy,
): HealthNote | undefined {
  // Between a restart for its health and the next verdict, the last one stands.
  const stands = state === "healthy" || state === "unhealthy" || restarts > 0;
  if (told === undefined || !stands) return undefined;
  const move =
    state === "unhealthy" &&
    (policy.onUnhealthy === "move" ||
      (policy.onUnhealthy === "restart" && restarts >= RESTARTS_MAX));
  return { ...told, hash, restarts, move };
}

/** How long the next check is put off, jitter aside. */
export function checkPauseMs({ state }: Health, { intervalMs }: HealthPolicy): number {
  return state === "starting" ? Math.min(intervalMs, START_INTERVAL_MS) : intervalMs;
}
