const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);
const FALSE = new Set(["0", "f", "F", "false", "FALSE", "False"]);
/** What Go's ParseInt takes with base 0: decimal, 0x, 0o, 0b, and octal by a leading zero. */
const INTEGER = /^([+-]?)(0x[0-9a-f]+|0o[0-7]+|0b[01]+|0[0-7]+|0|[1-9][0-9]*)$/i;
const OCTAL = /^0[0-7]/;
const INT64_MAX = 2n ** 63n - 1n;

export function parseBool(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** The number, or Go's words for what is wrong with it. */
export function parseInteger(text: string): number | "parse error" | "value out of range" {
  const [, sign, digits] = INTEGER.exec(text) ?? [];
  if (digits === undefined) return "parse error";
  const size = BigInt(OCTAL.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (size > INT64_MAX) return "value out of range";
  return sign === "-" ? -Number(size) : Number(size);
}

/** Milliseconds of a duration such as `1m30s`, `1.5h` or `0`; nothing when it is none. */
export function parseDurationMs(text: string): number | undefined {
  const [, sign, rest = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === "0") return 0;
  let ms = 0;
  let at = 0;
  for (const part of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    if (part.index !== at) return undefined;
    ms += Number(part[1]) * (UNITS_MS[part[2] ?? ""] ?? 0);
    at += part[0].length;
  }
  if (at === 0 || at !== rest.length) return undefined;
  return sign === "-" ? -ms : ms;
}
