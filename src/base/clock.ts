import { setTimeout as sleep } from "node:timers/promises";

/** Time as the shell sees it. Code in a `core/` gets numbers instead. */
export interface Clock {
  /** Milliseconds that only go forward; for measuring and for deadlines. */
  monotonicMs(): number;
  /** Wall time; for records people read and for the store's replicated time, never for deadlines. */
  now(): Date;
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  now: () => new Date(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, { signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : error; // Node's own error only says that it was aborted
    }
  },
};
