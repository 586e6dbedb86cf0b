import type { Random } from "#base/random.ts";

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * How long to wait before trying again after `attempt` failures (from 0): doubled each time up to the maximum, of
 * which between half and all, so that many who failed together do not come back together.
 */
export function backoffMs(attempt: number, { baseMs, maxMs }: Backoff, random: Random): number {
  const fullMs = Math.min(maxMs, baseMs * 2 ** Math.min(attempt, 30));
  return fullMs * (0.5 + 0.5 * random());
}
