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
  // Not Node's own of node:timers/promises: that makes an error with its stack at each abort, which most sleeps end by.
  sleep(ms, signal) {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
    return promise;
  },
};
