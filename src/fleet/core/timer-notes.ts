import * as v from "valibot";
import { type Parsed, readJson } from "./records.ts";

const Time = v.pipe(v.string(), v.isoTimestamp());

/** A run that a timer's unit was told to make; the index of its key says which. */
export interface TimerRun {
  /** When the calendar meant it, in UTC as ISO 8601 gives it. */
  readonly scheduled: string;
  /** When it was told, by the clock of who told. */
  readonly at: string;
  readonly by: string;
  readonly why: string;
}

/** From when on the calendar of a unit counts: since it was armed, or since a run that was skipped. */
export interface TimerSince {
  /** For which wish and text, see `Job`. */
  readonly desiredIndex: number;
  readonly hash: string;
  readonly since: string;
  readonly why: string;
}

const RunWire = v.object({ scheduled: Time, at: Time, by: v.string(), why: v.string() });
const SinceWire = v.object({
  desiredIndex: v.number(),
  hash: v.string(),
  since: Time,
  why: v.string(),
});

export function readTimerRun(json: string): Parsed<TimerRun> {
  return readJson(RunWire, json, (wire) => wire);
}

export function readTimerSince(json: string): Parsed<TimerSince> {
  return readJson(SinceWire, json, (wire) => wire);
}
