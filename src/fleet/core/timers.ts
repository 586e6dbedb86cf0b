import { nextElapse } from "#unitfile/core/calendar.ts";
import type { TimerPolicy } from "#unitfile/core/timer-policy.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isoTime, parseIsoTime } from "#unitfile/core/wall-time.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { Job } from "./job.ts";
import { timerRun } from "./run-once.ts";
import type { SchemaTimer } from "./schema.ts";
import { viewUnit } from "./views.ts";

/** What the clock asks for one unit. `over` is the index of the note that was seen; undefined when there was none. */
export type TimerStep =
  | {
      readonly kind: "fire";
      readonly unit: UnitName;
      readonly scheduledMs: number;
      readonly over: number | undefined;
      readonly reason: string;
    }
  /** Counts from here on, and nothing is run. */
  | {
      readonly kind: "arm" | "skip";
      readonly unit: UnitName;
      readonly sinceMs: number;
      readonly desiredIndex: number;
      readonly hash: string;
      readonly over: number | undefined;
      readonly reason: string;
    }
  /** Undefined: until something changes. */
  | { readonly kind: "wait"; readonly untilMs: number | undefined };

/** A run that is later than this was missed. */
export const GRACE_MS = 60_000;
/** A calendar that counts from later than this was armed by a clock that was wrong. */
const AHEAD_MAX_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Units of timers that are armed, in order. */
export function armedTimers(model: ClusterModel): Job[] {
  const jobs = [...model.timed].sort().map((name) => model.jobs.get(name)!);
  return jobs.filter((job) => job.desired === "launched" && job.unit?.isTemplate === false);
}

/** What is to be done about an armed unit at this moment of the leader's wall clock, in milliseconds since 1970. */
export function judgeTimer(model: ClusterModel, job: Job, nowMs: number): TimerStep {
  const { name: unit, hash = "", desiredIndex = 0 } = job;
  const timer = job.unit?.wants.timer;
  if (timer === undefined) return { kind: "wait", untilMs: undefined };
  const note = model.notes.timers.get(unit);
  const wish = { unit, desiredIndex, hash, over: note?.index };
  const sinceMs = countsFrom(model, job);
  if (sinceMs === undefined) return { kind: "arm", sinceMs: nowMs, reason: "armed", ...wish };
  if (sinceMs > nowMs + AHEAD_MAX_MS)
    return { kind: "arm", sinceMs: nowMs, reason: "armed anew: the clock went back", ...wish };
  const dueMs = nextElapse(timer.calendars, sinceMs);
  if (dueMs === undefined || dueMs > nowMs) return { kind: "wait", untilMs: dueMs };
  return judgeDue(model, job, timer, { latestMs: latest(timer, dueMs, nowMs), nowMs, wish });
}

interface Due {
  readonly latestMs: number;
  readonly nowMs: number;
  readonly wish: Pick<TimerStep & { kind: "arm" }, "unit" | "desiredIndex" | "hash" | "over">;
}

function judgeDue(model: ClusterModel, job: Job, timer: TimerPolicy, due: Due): TimerStep {
  const { latestMs, nowMs, wish } = due;
  const run = timerRun(model, job);
  const isGoing = goesOn(model, job);
  const skip = (reason: string): TimerStep => ({
    kind: "skip",
    sinceMs: latestMs,
    reason,
    ...wish,
  });
  if (isGoing && timer.onOverlap === "skip")
    return skip(`the run of ${run?.value.scheduled} goes on, OnOverlap=skip`);
  if (isGoing && timer.onOverlap === "queue") return { kind: "wait", untilMs: undefined };
  const target = job.target?.value;
  const isPlaced = target !== undefined && model.machines.has(target);
  // One that was queued is late because of the run before, not because nobody looked.
  const { ended = "" } = model.notes.results.get(job.name)?.value ?? {};
  const endedMs = timer.onOverlap === "queue" && ended !== "" ? (parseIsoTime(ended) ?? 0) : 0;
  const lateMs = nowMs - Math.max(latestMs, endedMs);
  const isMissed = lateMs > GRACE_MS;
  if (isMissed && timer.onMissed === "skip")
    return skip(`it was missed by ${Math.round(lateMs / 1000)} s, OnMissed=skip`);
  if (!isPlaced) return { kind: "wait", untilMs: isMissed ? undefined : latestMs + GRACE_MS + 1 };
  const reason = isMissed ? "missed, OnMissed=run" : "the calendar says so";
  const over = model.notes.runs.get(job.name)?.index;
  return { kind: "fire", unit: job.name, scheduledMs: latestMs, over, reason };
}

/** What counts is noted last: that the unit was armed, that a run was skipped, or a run. */
function countsFrom(model: ClusterModel, job: Job): number | undefined {
  const since = model.notes.timers.get(job.name);
  const { desiredIndex, hash } = since?.value ?? {};
  if (since === undefined || desiredIndex !== job.desiredIndex || hash !== job.hash)
    return undefined;
  const run = timerRun(model, job);
  const text =
    run === undefined || run.index < since.index ? since.value.since : run.value.scheduled;
  return parseIsoTime(text);
}

/** The last moment until now that the calendar means; it means one at `dueMs`. */
function latest({ calendars }: TimerPolicy, dueMs: number, nowMs: number): number {
  // There may be millions since then: the least stretch of time that has one is enough.
  let atMs = dueMs;
  for (let stretchMs = MINUTE_MS; nowMs - stretchMs > dueMs; stretchMs *= 30) {
    const firstMs = nextElapse(calendars, nowMs - stretchMs);
    if (firstMs === undefined || firstMs > nowMs) continue;
    atMs = firstMs;
    break;
  }
  for (;;) {
    const nextMs = nextElapse(calendars, atMs);
    if (nextMs === undefined || nextMs > nowMs) return atMs;
    atMs = nextMs;
  }
}

/** All timers, by unit, as the API shows them. */
export function viewTimers(model: ClusterModel, nowMs: number): SchemaTimer[] {
  return [...model.timed].sort().flatMap((name) => {
    const job = model.jobs.get(name);
    const timer = job?.unit?.wants.timer;
    if (job?.unit === undefined || timer === undefined || job.unit.isTemplate) return [];
    const isArmed = job.desired === "launched";
    const nextMs = nextElapse(timer.calendars, Math.max(nowMs, countsFrom(model, job) ?? 0));
    const run = model.notes.runs.get(name);
    const { result, machineID } = viewUnit(model, job);
    return {
      unit: name,
      calendars: timer.calendars.map(({ text }) => text),
      armed: isArmed,
      ...(isArmed && nextMs !== undefined && { next: isoTime(nextMs) }),
      ...(run && { last: run.value.scheduled, lastWhy: run.value.why }),
      running: isArmed && goesOn(model, job),
      ...(result && { result }),
      ...(machineID !== undefined && { machineID }),
    };
  });
}

function goesOn(model: ClusterModel, job: Job): boolean {
  const run = timerRun(model, job);
  return run !== undefined && model.notes.results.get(job.name)?.value.generation !== run.index;
}

/** Why the unit cannot be told to run now, if it cannot. */
export function judgeTrigger(model: ClusterModel, job: Job): string | undefined {
  const timer = job.unit?.wants.timer;
  if (timer === undefined || job.unit?.isTemplate === true)
    return "it has no OnCalendar; use fleetctl start or restart";
  if (job.desired !== "launched") return "it is not armed; run fleetctl start first";
  if (job.target === undefined) return "it is placed nowhere; see fleetctl explain";
  if (!goesOn(model, job) || timer.onOverlap === "replace") return undefined;
  return "its last run goes on; wait for its end, or stop it";
}
