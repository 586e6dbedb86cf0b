import { type Chain, type Component, type Fields, nextMatch } from "./calendar-match.ts";
import { isTimeZone } from "./wall-time.ts";

/** A calendar event expression, systemd.time(7): moments that repeat, in one time zone. */
export interface Calendar {
  /** As it was written. */
  readonly text: string;
  /** Days of the week, Monday is 0; undefined for every day. */
  readonly weekdays: ReadonlySet<number> | undefined;
  readonly fields: Fields;
  /** Days are counted from the end of the month. */
  readonly isFromEndOfMonth: boolean;
  /** A name of the time zone database. UTC where none is given: machines of a cluster may be in different zones. */
  readonly timeZone: string;
}

const YEARLY = "*-01-01 00:00:00";
const HALF_YEARLY = "*-01,07-01 00:00:00";

const SHORTHANDS: ReadonlyMap<string, string> = new Map([
  ["minutely", "*-*-* *:*:00"],
  ["hourly", "*-*-* *:00:00"],
  ["daily", "*-*-* 00:00:00"],
  ["weekly", "Mon *-*-* 00:00:00"],
  ["monthly", "*-*-01 00:00:00"],
  ["quarterly", "*-01,04,07,10-01 00:00:00"],
  ["yearly", YEARLY],
  ["annually", YEARLY],
  ["anually", YEARLY],
  ["biannually", HALF_YEARLY],
  ["bi-annually", HALF_YEARLY],
  ["semiannually", HALF_YEARLY],
  ["semi-annually", HALF_YEARLY],
]);

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/** Reads an expression as systemd does, but for fractions of seconds and `@` with seconds; undefined when it is none. */
export function parseCalendar(text: string): Calendar | undefined {
  const { event, timeZone } = splitTimeZone(text);
  const rest = SHORTHANDS.get(event.toLowerCase()) ?? event;
  if (rest === "") return undefined;
  const days = parseWeekdays(rest);
  if (days === undefined) return undefined;
  const date = parseDate(days.rest);
  if (date === undefined) return undefined;
  const time = parseTime(date.rest);
  if (time === undefined) return undefined;
  const isFromEndOfMonth = date.isFromEndOfMonth && date.day !== undefined;
  const fields = {
    year: date.year?.map(withCentury),
    month: date.month,
    day: date.day,
    hour: time.hour,
    minute: time.minute,
    second: time.second,
  };
  const weekdays = days.set.size === 0 || days.set.size === 7 ? undefined : days.set;
  const calendar = { text, weekdays, fields, isFromEndOfMonth, timeZone };
  return isValid(calendar) ? calendar : undefined;
}

/**
 * The first moment after `afterMs` that one of the calendars means, in milliseconds since 1970; undefined when none comes
 * any more. A time of day that a change of the clocks skips is skipped; one that comes twice counts once.
 */
export function nextElapse(calendars: readonly Calendar[], afterMs: number): number | undefined {
  const times = calendars.flatMap((calendar) => nextMatch(calendar, afterMs) ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

function splitTimeZone(text: string): { readonly event: string; readonly timeZone: string } {
  const at = text.lastIndexOf(" ");
  const last = text.slice(at + 1);
  if (at > 0 && last.toLowerCase() === "utc") return { event: text.slice(0, at), timeZone: "UTC" };
  if (at > 0 && isTimeZone(last)) return { event: text.slice(0, at), timeZone: last };
  return { event: text, timeZone: "UTC" };
}

interface Days {
  readonly set: ReadonlySet<number>;
  readonly rest: string;
}

/** `Mon..Fri,Sun` before a date, if there is such. */
function parseWeekdays(text: string): Days | undefined {
  const end = /^[A-Za-z][A-Za-z.,-]*/.exec(text)?.[0] ?? "";
  if (end === "") return { set: new Set(), rest: text };
  const rest = text.slice(end.length);
  if (rest !== "" && !rest.startsWith(" ")) return undefined;
  const set = new Set<number>();
  const parts = end.split(",");
  if (parts.at(-1) === "") parts.pop();
  for (const part of parts) {
    const [first = "", last, ...more] = part.split(/\.\.|-/);
    const from = weekday(first);
    const to = last === undefined ? from : weekday(last);
    if (from < 0 || to < from || more.length > 0) return undefined;
    for (let day = from; day <= to; day++) set.add(day);
  }
  return { set, rest: rest.trimStart() };
}

function weekday(name: string): number {
  const lower = name.toLowerCase();
  return WEEKDAYS.findIndex((day) => lower === day || lower === day.slice(0, 3));
}

interface DatePart {
  readonly year: Chain;
  readonly month: Chain;
  readonly day: Chain;
  readonly isFromEndOfMonth: boolean;
  readonly rest: string;
}

function parseDate(text: string): DatePart | undefined {
  const [head = "", ...others] = text.split(" ");
  const none = { year: undefined, month: undefined, day: undefined, isFromEndOfMonth: false };
  // What has no separator of dates is a time.
  if (!/[-~]/.test(head)) return { ...none, rest: text };
  const pieces = /^(?:([^-~]*)-)?([^-~]*)([-~])([^-~]*)$/.exec(head);
  if (pieces === null) return undefined;
  const [, yearText = "*", monthText = "", separator, dayText = ""] = pieces;
  const chains = [yearText, monthText, dayText].map((piece) => parseChain(piece));
  if (chains.some((chain) => chain === "bad")) return undefined;
  const [year, month, day] = chains as Chain[];
  const rest = others.join(" ").trimStart();
  return { year, month, day, isFromEndOfMonth: separator === "~", rest };
}

interface TimePart {
  readonly hour: Chain;
  readonly minute: Chain;
  readonly second: Chain;
}

const ZERO: Chain = [{ start: 0, stop: undefined, repeat: 0 }];

function parseTime(text: string): TimePart | undefined {
  if (text === "") return { hour: ZERO, minute: ZERO, second: ZERO };
  const pieces = text.split(":");
  if (pieces.length < 2 || pieces.length > 3) return undefined;
  // Of seconds alone, systemd takes no range that is a single one.
  if (/(?:^|,)0*(\d+)\.\.0*\1(?![\d/])/.test(pieces[2] ?? "")) return undefined;
  const [hour, minute, second = ZERO] = pieces.map((piece) => parseChain(piece));
  if (hour === "bad" || minute === "bad" || second === "bad") return undefined;
  return { hour, minute, second: pieces[2] === "*" ? undefined : second };
}

const NUMBER_MAX = 1_000_000; // beyond every field
const COMPONENTS_MAX = 240; // CALENDARSPEC_COMPONENTS_MAX, systemd src/shared/calendarspec.c

/** `*`, or components such as `1,5..9/2`, each `START[..STOP][/REPEAT]`. */
function parseChain(text: string): Chain | "bad" {
  if (text === "*") return undefined;
  const parts = text.split(",");
  if (parts.length > COMPONENTS_MAX) return "bad";
  const chain = parts.map((part) => {
    const match = /^(\d+)(?:\.\.(\d+))?(?:\/(\d+))?$/.exec(part);
    if (match === null) return undefined;
    const [start = 0, stop, repeat] = match
      .slice(1)
      .map((digits?: string) => (digits === undefined ? undefined : Number(digits)));
    if (Math.max(start, stop ?? 0, repeat ?? 0) > NUMBER_MAX || repeat === 0) return undefined;
    return normalised(start, stop, repeat ?? (stop === undefined ? 0 : 1));
  });
  return chain.every((one) => one !== undefined) ? chain : "bad";
}

/** A range ends where its last repetition is. */
function normalised(start: number, stop: number | undefined, repeat: number): Component {
  const last = stop !== undefined && stop > start ? stop - ((stop - start) % repeat) : stop;
  return last === start ? { start, stop: undefined, repeat: 0 } : { start, stop: last, repeat };
}

/** A year of two digits is one of 1970 to 2069. */
function withCentury(component: Component): Component {
  const whole = (year: number) => (year < 70 ? year + 2000 : year < 100 ? year + 1900 : year);
  const { start, stop, repeat } = component;
  return { start: whole(start), stop: stop === undefined ? undefined : whole(stop), repeat };
}

/** Whether every number is in its field's range, and every repetition happens at least once, as systemd asks. */
function isValid({ fields, isFromEndOfMonth }: Calendar): boolean {
  const { year, month, day, hour, minute, second } = fields;
  return (
    isChainValid(year, 1970, 2199) &&
    isChainValid(month, 1, 12) &&
    isChainValid(day, 1, isFromEndOfMonth ? 28 : 31, isFromEndOfMonth) &&
    isChainValid(hour, 0, 23) &&
    isChainValid(minute, 0, 59) &&
    isChainValid(second, 0, 59)
  );
}

function isChainValid(chain: Chain, from: number, to: number, isBackward = false): boolean {
  return (chain ?? []).every(({ start, stop, repeat }) => {
    if (start < from || start > to || repeat > to - from) return false;
    if (stop !== undefined) return stop >= from && stop <= to && start + repeat <= stop;
    return isBackward ? start - repeat >= from : start + repeat <= to;
  });
}
