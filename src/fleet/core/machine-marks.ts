import * as v from "valibot";
import { type Parsed, readJson } from "./records.ts";

/** What somebody decided about a machine, and who and why. It outlives the machine's daemon and its reboots. */
export interface MachineMark {
  readonly by: string;
  /** When, in UTC as ISO 8601 gives it. */
  readonly at: string;
  /** Empty when nobody said. */
  readonly why: string;
}

/** The machine's units move away, a few at a time. */
export interface Drain extends MachineMark {
  /** When what could not move is to be stopped, in UTC; undefined: it goes on where it is. */
  readonly deadline: string | undefined;
  /** The deadline has passed, by the clock of the engine that leads: nothing stays on the machine. */
  readonly isOver: boolean;
}

const Wire = { by: v.string(), at: v.string(), why: v.nullish(v.string(), "") };
const MarkWire = v.object(Wire);
const DrainWire = v.object({
  ...Wire,
  deadline: v.nullish(v.pipe(v.string(), v.isoTimestamp())),
  over: v.nullish(v.boolean(), false),
});

export function readMark(json: string): Parsed<MachineMark> {
  return readJson(MarkWire, json, (wire) => wire);
}

export function writeMark({ at, by, why }: MachineMark): string {
  return JSON.stringify({ by, at, why });
}

export function readDrain(json: string): Parsed<Drain> {
  return readJson(DrainWire, json, ({ deadline, over, ...mark }) => ({
    ...mark,
    deadline: deadline ?? undefined,
    isOver: over,
  }));
}

export function writeDrain({ at, by, deadline, isOver, why }: Drain): string {
  return JSON.stringify({ by, at, why, deadline, ...(isOver && { over: true }) });
}

/** `by alice@desk: new disk`, for reasons. */
export function describeMark({ by, why }: MachineMark): string {
  return why === "" ? `by ${by}` : `by ${by}: ${why}`;
}
