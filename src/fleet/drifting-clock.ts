import type { Clock } from "#base/clock.ts";

/** The same clock as a machine has it that counts `rate` seconds in each. */
export function driftingClock(clock: Clock, rate: number): Clock {
  return {
    monotonicMs: () => clock.monotonicMs() * rate,
    now: () => clock.now(),
    sleep: (ms, signal) => clock.sleep(ms / rate, signal),
  };
}
