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

// Sticky, so that a long text that is no time span is told as fast as one that is.
const PART = /(\d+(?:\.\d+)?)\s*([a-zµ]*)\s*/y;

/** Milliseconds of `1min 30s`, `500ms` or a plain number of seconds, as systemd reads them; undefined when it is none. */
export function parseTimeSpanMs(text: string): number | undefined {
  const whole = text.trim();
  if (whole === "") return undefined;
  let sum = 0;
  PART.lastIndex = 0;
  for (let at = 0; at < whole.length; at = PART.lastIndex) {
    const [, count, unit = ""] = PART.exec(whole) ?? [];
    const ms = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
    if (count === undefined || ms === undefined) return undefined;
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
