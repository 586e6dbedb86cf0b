/** What a clock on the wall shows: year, month (1 to 12), day, hour, minute, second. */
export type Wall = readonly [
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
];

const DAY_MS = 24 * 3600 * 1000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the time zone database has a zone of this name. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(name)) return false;
  try {
    return formatOf(name) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** What clocks of the zone show at a moment, in milliseconds since 1970. */
export function toWall(ms: number, zone: string): Wall {
  return fieldsOf(ms + offsetMs(ms, zone));
}

/** The time as clocks show it: fields beyond their range carry over, and a time that a change skips is as much later. */
export function wallOf(fields: Wall, zone: string): Wall {
  const shown = asUtc(fields);
  if (zone === "UTC" || momentsOf(shown, zone).length > 0) return fieldsOf(shown);
  const [before, after] = offsetsAround(shown, zone);
  return fieldsOf(shown + Math.max(0, after - before));
}

/** When clocks show the time, at or after a moment if it comes twice. */
export function toMoment(wall: Wall, zone: string, fromMs: number): number | undefined {
  const moments = momentsOf(asUtc(wall), zone);
  return moments.find((ms) => ms >= fromMs) ?? moments.at(-1);
}

/** Moments at which clocks show the time, in order: one, or two or none where clocks are changed. */
function momentsOf(shown: number, zone: string): number[] {
  const moments = new Set(offsetsAround(shown, zone).map((offset) => shown - offset));
  return [...moments].filter((ms) => ms + offsetMs(ms, zone) === shown).sort((a, b) => a - b);
}

/** Offsets a day before and after; zones change at most once in that time. */
function offsetsAround(shown: number, zone: string): readonly [number, number] {
  return [offsetMs(shown - DAY_MS, zone), offsetMs(shown + DAY_MS, zone)];
}

/** How far clocks of the zone are ahead of UTC. */
function offsetMs(ms: number, zone: string): number {
  if (zone === "UTC") return 0;
  const shown = new Map(
    formatOf(zone)
      .formatToParts(ms)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: Intl.DateTimeFormatPartTypes) => shown.get(type) ?? 0;
  const date = [part("year"), part("month"), part("day")] as const;
  const wall: Wall = [...date, part("hour"), part("minute"), part("second")];
  return asUtc(wall) - Math.floor(ms / 1000) * 1000;
}

/** @throws {RangeError} when there is no such zone */
function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  formats.set(zone, format);
  return format;
}

/** How many days the month has. */
export function daysIn(year: number, month: number): number {
  return dayNumber(month === 12 ? year + 1 : year, (month % 12) + 1, 1) - dayNumber(year, month, 1);
}

/** The day of the week, Monday is 0. */
export function weekdayOf([year, month, day]: Wall): number {
  return (((dayNumber(year, month, day) + THURSDAY) % 7) + 7) % 7;
}

/** `2026-01-01T00:00:00.000Z`, of milliseconds since 1970. */
export function isoTime(ms: number): string {
  const pad = (n: number, length = 2) => String(n).padStart(length, "0");
  const [year, ...rest] = fieldsOf(ms);
  const [month, day, hour, minute, second] = rest.map((n) => pad(n));
  const fraction = pad(((ms % 1000) + 1000) % 1000, 3);
  return `${pad(year, 4)}-${month}-${day}T${hour}:${minute}:${second}.${fraction}Z`;
}

/** The way back; undefined for a text of another form. */
export function parseIsoTime(text: string): number | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{3}))?Z$/.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms] = match
    .slice(1)
    .map((digits: string | undefined) => Number(digits ?? 0));
  return asUtc([year, month, day, hour, minute, second]) + (ms ?? 0);
}

const THURSDAY = 3; // 1 January 1970

/** Days since 1970, in the Gregorian calendar; months beyond December carry over. */
function dayNumber(year: number, month: number, day: number): number {
  const months = month - 1;
  // Years that begin in March, so that the day of a leap year is their last.
  const ofYear = year + Math.floor(months / 12) - (((months % 12) + 12) % 12 < 2 ? 1 : 0);
  const fromMarch = ((((months % 12) + 12) % 12) + 10) % 12;
  const leaps = Math.floor(ofYear / 4) - Math.floor(ofYear / 100) + Math.floor(ofYear / 400);
  return ofYear * 365 + leaps + Math.floor((fromMarch * 153 + 2) / 5) + day - 1 - EPOCH_DAYS;
}

const EPOCH_DAYS = 719_468; // from 1 March of year 0 to 1 January 1970

/** The date of a day since 1970. */
function dateOf(days: number): readonly [year: number, month: number, day: number] {
  const all = days + EPOCH_DAYS;
  const era = Math.floor(all / 146_097); // days in 400 years
  const ofEra = all - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) /
      365,
  );
  const leaps = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const ofYear = ofEra - (yearOfEra * 365 + leaps);
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

function asUtc([year, month, day, hour, minute, second]: Wall): number {
  return dayNumber(year, month, day) * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000;
}

function fieldsOf(ms: number): Wall {
  const days = Math.floor(ms / DAY_MS);
  const seconds = Math.floor((ms - days * DAY_MS) / 1000);
  const minutes = Math.floor(seconds / 60);
  return [...dateOf(days), Math.floor(minutes / 60), minutes % 60, seconds % 60];
}
