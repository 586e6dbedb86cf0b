import { parseTimeSpanMs } from "./time-span.ts";

/** How a unit's text is exchanged for a newer one, as the newer one says. */
export interface UpdatePolicy {
  /** How many members of a rollout may be down for it at once, or what part of them. */
  readonly parallel: { readonly count: number } | { readonly percent: number };
  /** Whether the old copy ends before the new one begins, or goes on until the new one is healthy. */
  readonly order: UpdateOrder;
  /** How long an updated member has to stay healthy, in milliseconds. */
  readonly monitorMs: number;
}

export type UpdateOrder = "stop-first" | "start-first";

const MONITOR_MS = 5_000;
const MONITOR_MS_MAX = 86_400_000;
const COUNT_MAX = 10_000;

/** `2`, or `25%`; undefined when it is neither. */
export function parseParallel(value: string): UpdatePolicy["parallel"] | undefined {
  const [, digits, sign] = /^(\d+)(%?)$/.exec(value) ?? [];
  const number = Number(digits);
  if (!(number >= 1)) return undefined;
  if (sign === "%") return number <= 100 ? { percent: number } : undefined;
  return number <= COUNT_MAX ? { count: number } : undefined;
}

export function parseUpdateOrder(value: string): UpdateOrder | undefined {
  return value === "stop-first" || value === "start-first" ? value : undefined;
}

/** At most a day, in milliseconds. */
export function parseMonitorMs(value: string): number | undefined {
  const ms = parseTimeSpanMs(value);
  return ms !== undefined && ms <= MONITOR_MS_MAX ? ms : undefined;
}

/** What the keys say together; undefined when none of them is there: such a unit is replaced at once. */
export function updatePolicy(
  last: <T>(key: string, read: (value: string) => T | undefined) => T | undefined,
): UpdatePolicy | undefined {
  const parallel = last("UpdateParallel", parseParallel);
  const order = last("UpdateOrder", parseUpdateOrder);
  const monitorMs = last("UpdateMonitor", parseMonitorMs);
  if (parallel === undefined && order === undefined && monitorMs === undefined) return undefined;
  return {
    parallel: parallel ?? { count: 1 },
    order: order ?? "stop-first",
    monitorMs: monitorMs ?? MONITOR_MS,
  };
}

/** How many of that many members may be down at once. */
export function parallelOf({ parallel }: UpdatePolicy, members: number): number {
  if ("count" in parallel) return parallel.count;
  return Math.max(1, Math.floor((members * parallel.percent) / 100));
}
