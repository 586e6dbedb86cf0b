/** Milliseconds of systemd's units of time, systemd.time(7). */
const UNIT_MS: Readonly<Record<string, number>> = {
  "": 1_000,
  ...units(0.001, "usec", "us", "µs"),
  ...units(1, "msec", "ms"),
  ...units(1_000, "seconds", "second", "sec", "s"),
  ...units(60_000, "minutes", "minute", "min", "m"),
  ...units(3_600_000, "hours", "hour", "hr", "h"),
  ...units(86_400_000, "days", "day", "d"),
  ...units(7 * 86_400_000, "weeks", "week", "w"),
};

function units(ms: number, ...names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, ms]));
}

/** Milliseconds of `1min 30s`, `500ms` or a plain number of seconds, as systemd reads them; undefined when it is none. */
export function parseTimeSpanMs(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?\s*[a-zµ]*\s*)+$/.test(trimmed)) return undefined;
  let sum = 0;
  for (const [, count, unit = ""] of trimmed.matchAll(/(\d+(?:\.\d+)?)\s*([a-zµ]*)/g)) {
    const ms = UNIT_MS[unit];
    if (ms === undefined) return undefined;
    sum += Number(count) * ms;
  }
  return sum;
}

/** `1min 30s`: only whole milliseconds count. */
export function formatTimeSpan(ms: number): string {
  const parts: string[] = [];
  let left = Math.round(ms);
  for (const unit of ["d", "h", "min", "s", "ms"]) {
    const count = Math.floor(left / UNIT_MS[unit]!);
    if (count > 0) parts.push(`${count}${unit}`);
    left -= count * UNIT_MS[unit]!;
  }
  return parts.join(" ") || "0s";
}
