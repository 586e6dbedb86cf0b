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

function asUtc([year, month, day, hour, minute, second]: Wall): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function fieldsOf(ms: number): Wall {
  const date = new Date(ms);
  return [
    date.getUTCFullYear(),
    date.getUTCMonth() + 1,
    date.getUTCDate(),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
  ];
}
