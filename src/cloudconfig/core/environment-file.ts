/** `KEY=value` lines of a file such as /etc/environment, environment.d(5) without continuation lines. */
export function parseEnvironmentFile(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?(\w+)=(.*)$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined)
      values.set(match[1], unquote(match[2].trim()));
  }
  return values;
}

function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}

/** The file with these values in it: lines of other keys, comments and the order stay, new keys come last, sorted. */
export function mergeEnvironmentFile(
  old: string,
  values: Readonly<Record<string, string>>,
): string {
  const pending = new Map(Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const lines = old === "" ? [] : old.replace(/\r?\n$/, "").split(/\r?\n/);
  const merged = lines.map((line) => {
    const key = /^(\w+)=/.exec(line)?.[1] ?? "";
    const value = pending.get(key);
    if (value === undefined) return line;
    pending.delete(key);
    return `${key}=${value}`;
  });
  for (const [key, value] of pending) merged.push(`${key}=${value}`);
  return merged.map((line) => `${line}\n`).join("");
}
