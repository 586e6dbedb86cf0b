import { formatTimeSpan } from "#unitfile/core/time-span.ts";
import type { HealthNote } from "./health-note.ts";
import type { UnitStateRecord } from "./records.ts";
import { describeResult, type RunResult } from "./run-result.ts";
import { type RunState, runState, timeoutMs } from "./run-state.ts";
import type { Unit } from "./unit.ts";

/** What an engine has seen of a member since it began to watch it there; times are monotonic, in milliseconds. */
export interface MemberWatch {
  /** Names what is watched: another text or machine begins anew. */
  readonly mark: string;
  readonly sinceMs: number;
  /** Since when it is up; undefined while it is not. */
  readonly upMs: number | undefined;
  /** Since when it looks as if it were down. */
  readonly downMs: number | undefined;
  readonly wasUp: boolean;
}

export type Verdict =
  | { readonly kind: "healthy" }
  | { readonly kind: "failed"; readonly why: string }
  /** Nothing more will be known before this time, unless a report comes. */
  | { readonly kind: "waiting"; readonly untilMs: number };

export interface Observation {
  /** The text that the member is to run. */
  readonly unit: Unit;
  /** The latest report of its machine, of whatever text. */
  readonly state: UnitStateRecord | undefined;
  readonly launched: boolean;
  /** How long it has to stay up. */
  readonly monitorMs: number;
  /** What the unit's own checks found there, of whatever text. */
  readonly note: HealthNote | undefined;
  /** How its latest run ended, of whatever text. */
  readonly result: RunResult | undefined;
}

/** Reports from before the start of a text may come for so long under its hash. */
const SETTLE_MS = 1_000;
/** A start that waits for other units looks as if it had ended. */
const QUEUED_MS = 10_000;
/** What reports, writes and a busy machine may take besides. */
const MARGIN_MS = 30_000;

export function beginWatch(mark: string, nowMs: number): MemberWatch {
  return { mark, sinceMs: nowMs, upMs: undefined, downMs: undefined, wasUp: false };
}

/** How long a member is waited for: to stop with the old text, to start with the new one and to pass its checks. */
export function limitMs(unit: Unit, monitorMs: number): number {
  const { health } = unit.wants;
  const checksMs =
    health === undefined
      ? 0
      : health.startMs + health.threshold * (health.intervalMs + health.timeoutMs);
  const startMs = Math.max(monitorMs, timeoutMs(unit, "start"));
  return startMs + timeoutMs(unit, "stop") + checksMs + MARGIN_MS;
}

/** What the engine makes of what it sees now. */
export function watchMember(
  before: MemberWatch,
  observed: Observation,
  nowMs: number,
): { readonly watch: MemberWatch; readonly verdict: Verdict } {
  const health = healthOf(observed);
  const isUp = health.kind === "up";
  const isDown = health.kind === "ended" || health.kind === "failed";
  const watch: MemberWatch = {
    ...before,
    upMs: isUp ? (before.upMs ?? nowMs) : undefined,
    downMs: isDown ? (before.downMs ?? nowMs) : undefined,
    wasUp: before.wasUp || isUp,
  };
  return { watch, verdict: judge(watch, health, observed, nowMs) };
}

function healthOf({ unit, state, launched, note, result }: Observation): RunState {
  if (state === undefined) return { kind: "coming", why: "not reported by its machine" };
  if (state.hash !== unit.hash)
    return { kind: "coming", why: "not yet stopped with the text before" };
  const run = runState(unit, state, launched);
  if (result?.hash === unit.hash && result.result === "failed" && run.kind !== "up")
    return run.kind === "coming" ? run : { ...run, why: describeResult(result) };
  if (run.kind !== "up" || unit.wants.health === undefined) return run;
  if (note?.hash !== unit.hash) return { kind: "coming", why: "not yet found healthy" };
  return note.healthy ? run : { kind: "failed", why: `not healthy: ${note.reason}` };
}

function judge(watch: MemberWatch, health: RunState, of: Observation, nowMs: number): Verdict {
  const { monitorMs, unit } = of;
  const { sinceMs, upMs, downMs, wasUp } = watch;
  if (health.kind === "up") {
    const untilMs = upMs! + monitorMs;
    return nowMs >= untilMs ? { kind: "healthy" } : { kind: "waiting", untilMs };
  }
  const after = wasUp ? ` after it was active` : "";
  if (health.kind === "restarting")
    return { kind: "failed", why: `ended and is started again: ${health.why}${after}` };
  const lastMs = sinceMs + limitMs(unit, monitorMs);
  if (health.kind === "coming")
    return nowMs >= lastMs
      ? { kind: "failed", why: `is ${health.why} after ${formatTimeSpan(nowMs - sinceMs)}` }
      : { kind: "waiting", untilMs: lastMs };
  const untilMs = downMs! + (health.kind === "failed" || wasUp ? SETTLE_MS : QUEUED_MS);
  if (nowMs < untilMs) return { kind: "waiting", untilMs };
  return { kind: "failed", why: `is ${health.why}${after}` };
}
