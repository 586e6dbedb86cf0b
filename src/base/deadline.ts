import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";

export interface Deadline {
  readonly ms: number;
  readonly clock: Clock;
  /** Completes `Cannot WHAT: no answer within …`. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Made once: an abort without a reason makes an error each time, with its stack, which costs more than the rest. */
const DONE = new Error("the work was done first");

/**
 * Runs `work` with a signal that aborts when `signal` does, and after `ms` with a Fault TIMED_OUT.
 * The work has to heed its signal.
 */
export async function withDeadline<T>(
  { ms, clock, what, signal }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const limit = new AbortController();
  const done = new AbortController();
  const follow = () => limit.abort(signal.reason);
  signal.addEventListener("abort", follow, { once: true });
  clock.sleep(ms, done.signal).then(
    () => limit.abort(new Fault("TIMED_OUT", `Cannot ${what}: no answer within ${ms} ms`)),
    () => {}, // the work was done first
  );
  try {
    return await work(limit.signal);
  } finally {
    done.abort(DONE);
    signal.removeEventListener("abort", follow);
  }
}
