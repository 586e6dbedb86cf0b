/** A duration as Go writes it, time.Duration.String: `1h2m3.5s`, `150ms`. `ms` is not negative. */
export function goDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1000) return ms < 1 ? `${trimmed(ms * 1000)}µs` : `${trimmed(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${trimmed((ms % 60_000) / 1000)}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** No finer than a microsecond, which a clock of milliseconds hardly has. */
function trimmed(value: number): string {
  return String(Number(value.toFixed(6)));
}
