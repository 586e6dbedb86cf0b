import type { Calendar } from "./calendar.ts";
import { daysIn, toMoment, toWall, type Wall, wallOf, weekdayOf } from "./wall-time.ts";

/** `START[..STOP][/REPEAT]`; without a repetition, `repeat` is 0. */
export interface Component {
  readonly start: number;
  readonly stop: number | undefined;
  readonly repeat: number;
}

/** Any of the components; undefined for every value. */
export type Chain = readonly Component[] | undefined;

export interface Fields {
  readonly year: Chain;
  readonly month: Chain;
  readonly day: Chain;
  readonly hour: Chain;
  readonly minute: Chain;
  readonly second: Chain;
}

const NAMES = ["year", "month", "day", "hour", "minute", "second"] as const;
/** What each field begins with. */
const LEAST = [1970, 1, 1, 0, 0, 0] as const;
/** What each ends with but for the day; years as in systemd, MAX_YEAR in src/shared/calendarspec.c. */
const MOST = [2199, 12, 31, 23, 59, 59] as const;
const STEPS_MAX = 1_000; // MAX_CALENDAR_ITERATIONS there

const DAY = 2;

/** The first moment after `afterMs` that the calendar means, in milliseconds; undefined when none comes. */
export function nextMatch(calendar: Calendar, afterMs: number): number | undefined {
  const { timeZone } = calendar;
  const firstMs = Math.floor(afterMs / 1000) * 1000 + 1000;
  let wall: Wall | undefined = toWall(firstMs, timeZone);
  for (let step = 0; step < STEPS_MAX && wall !== undefined; step++) {
    const next = improve(calendar, wall);
    if (next === "matches") return toMoment(wall, timeZone, firstMs);
    wall = next && wallOf(next, timeZone);
  }
  return undefined;
}

/** A later time that is nearer to a match; undefined when there is none. It may be one that does not exist. */
function improve(calendar: Calendar, wall: Wall): Wall | "matches" | undefined {
  for (const [i, name] of NAMES.entries()) {
    const chain = calendar.fields[name];
    const value =
      i === DAY && calendar.isFromEndOfMonth
        ? nextDayFromEnd(chain, wall)
        : nextValue(chain, wall[i]!, mostOf(i, wall));
    if (value === undefined) return i === 0 ? undefined : raised(wall, i - 1, wall[i - 1]! + 1);
    if (value !== wall[i]) return raised(wall, i, value);
    if (i === DAY && !isWeekday(calendar, wall)) return raised(wall, i, value + 1);
  }
  return "matches";
}

/** With this field set, and those behind it at their least. */
function raised(wall: Wall, at: number, value: number): Wall {
  const next = wall.map((old, i) => (i < at ? old : i === at ? value : LEAST[i]!));
  return next as unknown as Wall;
}

function mostOf(field: number, wall: Wall): number {
  return field === DAY ? daysIn(wall[0], wall[1]) : MOST[field]!;
}

/** The least value of the chain from `from` to `to`. */
function nextValue(chain: Chain, from: number, to: number): number | undefined {
  if (chain === undefined) return from <= to ? from : undefined;
  let least: number | undefined;
  for (const { start, stop, repeat } of chain) {
    const value = start >= from || repeat === 0 ? start : start + roundUp(from - start, repeat);
    if (value < from || value > Math.min(to, stop ?? to)) continue;
    if (least === undefined || value < least) least = value;
  }
  return least;
}

/** The same for days that are counted from the end of the wall's month. */
function nextDayFromEnd(chain: Chain, wall: Wall): number | undefined {
  const days = daysIn(wall[0], wall[1]);
  const fromEnd = (n: number) => days + 1 - n;
  const forward = chain?.map(({ start, stop, repeat }) =>
    stop === undefined
      ? { start: fromEnd(start), stop: undefined, repeat }
      : { start: fromEnd(stop), stop: fromEnd(start), repeat },
  );
  return nextValue(forward, wall[DAY], days);
}

function roundUp(n: number, step: number): number {
  return Math.ceil(n / step) * step;
}

function isWeekday({ weekdays }: Calendar, wall: Wall): boolean {
  return weekdays === undefined || weekdays.has(weekdayOf(wall));
}
