import { type CalendarFlaw, type Field, isFlaw, parseChain } from "./calendar-chain.ts";
import { type Chain, type Fields, nextMatch } from "./calendar-match.ts";
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
  const calendar = readCalendar(text);
  return isFlaw(calendar) ? undefined : calendar;
}

/** The same; says which part is wrong of what is none. */
function readCalendar(text: string): Calendar | CalendarFlaw {
  const { event, timeZone } = splitTimeZone(text);
  const rest = SHORTHANDS.get(event.toLowerCase()) ?? event;
  if (rest.trim() === "") return { flaw: "it is empty" };
  const days = parseWeekdays(rest);
  if (isFlaw(days)) return days;
  const date = parseDate(days.rest);
  if (isFlaw(date)) return date;
  const time = parseTime(date.rest);
  if (isFlaw(time)) return time;
  const { year, month, day } = date;
  const isFromEndOfMonth = date.isFromEndOfMonth && day !== undefined;
  const weekdays = days.set.size === 0 || days.set.size === 7 ? undefined : days.set;
  return { text, weekdays, fields: { year, month, day, ...time }, isFromEndOfMonth, timeZone };
}

/**
 * What keeps the expression from ever meaning a moment: the part that is wrong, or that no such day comes. Undefined when
 * nothing does; whether all its moments are past is another matter.
 */
export function calendarFlaw(text: string): string | undefined {
  const calendar = readCalendar(text);
  if (isFlaw(calendar)) return calendar.flaw;
  const isEver = (one: Calendar) => nextMatch(one, BEGINNING_MS) !== undefined;
  if (isEver(calendar)) return undefined;
  const { fields } = calendar;
  if (calendar.weekdays !== undefined && isEver({ ...calendar, weekdays: undefined }))
    return "it never comes: the date is none of these days of the week";
  const anyTime = { hour: undefined, minute: undefined, second: undefined };
  return isEver({ ...calendar, fields: { ...fields, ...anyTime } })
    ? "it never comes: clocks of the time zone never show that"
    : "it never comes: the month has no such day";
}

/** Before everything that a calendar can mean, whatever the time zone. */
const BEGINNING_MS = -2 * 24 * 3600 * 1000;

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
function parseWeekdays(text: string): Days | CalendarFlaw {
  const end = /^[A-Za-z][A-Za-z.,-]*/.exec(text)?.[0] ?? "";
  if (end === "") return { set: new Set(), rest: text };
  const [word = ""] = text.split(" ");
  if (SHORTHANDS.has(word.toLowerCase()))
    return { flaw: `only a time zone may follow ${JSON.stringify(word)}` };
  const none = { flaw: `${JSON.stringify(word)} is no day of the week, nor a word such as daily` };
  if (word !== end) return none;
  const set = new Set<number>();
  const parts = end.split(",");
  if (parts.at(-1) === "") parts.pop();
  for (const part of parts) {
    const [first = "", last, ...more] = part.split(/\.\.|-/);
    const from = weekday(first);
    const to = last === undefined ? from : weekday(last);
    if (from < 0 || to < 0 || more.length > 0) return none;
    if (to < from) return { flaw: `${part} goes backwards: the week begins on Monday` };
    for (let day = from; day <= to; day++) set.add(day);
  }
  return { set, rest: text.slice(end.length).trimStart() };
}

function weekday(name: string): number {
  const lower = name.toLowerCase();
  return WEEKDAYS.findIndex((day) => lower === day || lower === day.slice(0, 3));
}

const YEAR: Field = { name: "year", from: 1970, to: 2199 };
const MONTH: Field = { name: "month", from: 1, to: 12 };
const DAY: Field = { name: "day", from: 1, to: 31 };
const DAY_FROM_END: Field = { name: "day from the end", from: 1, to: 28, isBackward: true };
const HOUR: Field = { name: "hour", from: 0, to: 23 };
const MINUTE: Field = { name: "minute", from: 0, to: 59 };
const SECOND: Field = { name: "second", from: 0, to: 59 };

interface DatePart {
  readonly year: Chain;
  readonly month: Chain;
  readonly day: Chain;
  readonly isFromEndOfMonth: boolean;
  readonly rest: string;
}

function parseDate(text: string): DatePart | CalendarFlaw {
  const [head = "", ...others] = text.split(" ");
  const none = { year: undefined, month: undefined, day: undefined, isFromEndOfMonth: false };
  // What has no separator of dates is a time.
  if (!/[-~]/.test(head)) return { ...none, rest: text };
  const pieces = /^(?:([^-~]*)-)?([^-~]*)([-~])([^-~]*)$/.exec(head);
  if (pieces === null)
    return { flaw: `${JSON.stringify(head)} is no date: write YEAR-MONTH-DAY or MONTH-DAY` };
  const [, yearText = "*", monthText = "", separator, dayText = ""] = pieces;
  const isFromEndOfMonth = separator === "~";
  const year = parseChain(yearText, YEAR);
  if (isFlaw(year)) return year;
  const month = parseChain(monthText, MONTH);
  if (isFlaw(month)) return month;
  const day = parseChain(dayText, isFromEndOfMonth ? DAY_FROM_END : DAY);
  if (isFlaw(day)) return day;
  return { year, month, day, isFromEndOfMonth, rest: others.join(" ").trimStart() };
}

type TimePart = Pick<Fields, "hour" | "minute" | "second">;

const ZERO: Chain = [{ start: 0, stop: undefined, repeat: 0 }];

function parseTime(text: string): TimePart | CalendarFlaw {
  if (text === "") return { hour: ZERO, minute: ZERO, second: ZERO };
  const [first = "", ...others] = text.split(" ");
  if (others.length > 0) return { flaw: misplaced(first, others.join(" ").trim()) };
  const pieces = first.split(":");
  const [hourText = "", minuteText = "", secondText] = pieces;
  if (pieces.length < 2 || pieces.length > 3)
    return {
      flaw: `${JSON.stringify(first)} is no time of day: write HOUR:MINUTE or HOUR:MINUTE:SECOND`,
    };
  const hour = parseChain(hourText, HOUR);
  if (isFlaw(hour)) return hour;
  const minute = parseChain(minuteText, MINUTE);
  if (isFlaw(minute)) return minute;
  if (secondText === undefined) return { hour, minute, second: ZERO };
  // Of seconds alone, systemd takes no range that is a single one.
  const [single] = /(?<=^|,)0*(\d+)\.\.0*\1(?![\d/])/.exec(secondText) ?? [];
  if (single !== undefined) return { flaw: `second ${single} is a range of a single one` };
  const second = parseChain(secondText, SECOND);
  return isFlaw(second) ? second : { hour, minute, second };
}

/** Of what stands behind the time of day and is no time zone, or not the only one. */
function misplaced(time: string, words: string): string {
  const [word = ""] = words.split(" ");
  if (word === "") return `there is a blank too many behind ${time}`;
  if (isTimeZone(word)) return "more than one time zone is given";
  if (/^[A-Za-z]/.test(word) && weekday(word) < 0)
    return `${JSON.stringify(word)} is no time zone, such as UTC or Europe/Berlin`;
  return `${JSON.stringify(word)} stands behind the time of day: days of the week and the date come before it`;
}
