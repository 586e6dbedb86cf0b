import { parseTimeSpanMs } from "./time-span.ts";

/** One question whose answer says whether a unit does its work. */
export type HealthCheck =
  /** Run by a shell in the unit's surroundings; healthy by exit status 0. */
  | { readonly kind: "command"; readonly text: string }
  /** Asked with GET; healthy by a status of 200 to 399. */
  | { readonly kind: "http"; readonly text: string }
  /** Healthy when it accepts a connection. */
  | { readonly kind: "tcp"; readonly text: string };

/** What becomes of a unit that is not healthy. */
export type OnUnhealthy = "restart" | "move" | "none";
export const ON_UNHEALTHY: readonly OnUnhealthy[] = ["restart", "move", "none"];

/** How a unit's health is found out. `%m`, `%H`, `%l` and `%%` are left in the texts of its checks. */
export interface HealthPolicy {
  /** All of them have to pass; there is at least one. */
  readonly checks: readonly HealthCheck[];
  /** From the end of one check to the beginning of the next. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** So many failures in a row make it unhealthy. */
  readonly threshold: number;
  /** Failures this early do not count, unless it was healthy meanwhile. */
  readonly startMs: number;
  readonly onUnhealthy: OnUnhealthy;
}

export const HEALTH_DEFAULTS = {
  intervalMs: 10_000,
  timeoutMs: 5_000,
  threshold: 3,
  startMs: 30_000,
  onUnhealthy: "restart",
} as const;

const PORT_MAX = 65_535;
const THRESHOLD_MAX = 1_000;
const DAY_MS = 86_400_000;
const PAUSE_MIN_MS = 100;

/** A command, `http://…`, `https://…`, `tcp:HOST:PORT` or `tcp:PORT`; undefined when it is none of these. */
export function parseHealthCheck(value: string): HealthCheck | undefined {
  const text = value.trim();
  if (/^https?:/i.test(text))
    return URL.canParse(text) && /^https?:\/\/[^/]/i.test(text)
      ? { kind: "http", text }
      : undefined;
  if (text.startsWith("tcp:"))
    return splitTcp(text) === undefined ? undefined : { kind: "tcp", text };
  // Another scheme is a slip, not the name of a program.
  return text === "" || /^[a-z][a-z0-9+.-]*:/i.test(text) ? undefined : { kind: "command", text };
}

/** Host and port of `tcp:HOST:PORT`, or of `tcp:PORT` on this machine; undefined when it is neither. */
export function splitTcp(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] =
    /^tcp:(?:\[([^\]\s]+)\]:|([^\s:[\]]+):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (!(port >= 1 && port <= PORT_MAX)) return undefined;
  return { host: bracketed ?? plain ?? "127.0.0.1", port };
}

/** `HealthInterval` and `HealthTimeout`: a time span of 100 ms to a day. */
export function parseHealthPause(value: string): number | undefined {
  const ms = parseTimeSpanMs(value);
  return ms !== undefined && ms >= PAUSE_MIN_MS && ms <= DAY_MS ? ms : undefined;
}

/** `HealthStart`: a time span of nothing to a day. */
export function parseHealthStart(value: string): number | undefined {
  const ms = parseTimeSpanMs(value);
  return ms !== undefined && ms <= DAY_MS ? ms : undefined;
}

export function parseHealthThreshold(value: string): number | undefined {
  const count = /^\d+$/.test(value) ? Number(value) : 0;
  return count >= 1 && count <= THRESHOLD_MAX ? count : undefined;
}

export function parseOnUnhealthy(value: string): OnUnhealthy | undefined {
  return ON_UNHEALTHY.find((one) => one === value);
}

/**
 * The policy of a unit, from the values of each key with the specifiers of its name expanded; undefined without a check
 * that can be used. Of keys that are there several times the last counts.
 */
export function healthPolicy(values: (key: string) => readonly string[]): HealthPolicy | undefined {
  const checks = values("HealthCheck").flatMap((value) => parseHealthCheck(value) ?? []);
  if (checks.length === 0) return undefined;
  const last = <T>(key: string, read: (value: string) => T | undefined, fallback: T): T =>
    values(key)
      .flatMap((value) => read(value) ?? [])
      .at(-1) ?? fallback;
  const { intervalMs, timeoutMs, threshold, startMs, onUnhealthy } = HEALTH_DEFAULTS;
  return {
    checks,
    intervalMs: last("HealthInterval", parseHealthPause, intervalMs),
    timeoutMs: last("HealthTimeout", parseHealthPause, timeoutMs),
    threshold: last("HealthThreshold", parseHealthThreshold, threshold),
    startMs: last("HealthStart", parseHealthStart, startMs),
    onUnhealthy: last<OnUnhealthy>("OnUnhealthy", parseOnUnhealthy, onUnhealthy),
  };
}
