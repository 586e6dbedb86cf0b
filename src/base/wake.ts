import type { Clock } from "#base/clock.ts";

/** Made once, for an abort without a reason makes an error each time. */
const RUNG = new Error("the bell was rung");

/** A level-triggered bell: rung any number of times before somebody waits, it wakes them once. */
export class Wake {
  #rung = false;
  #waiter: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#waiter?.();
  }

  /** Resolves when rung, now or since the last wait, and at the latest after `ms`. For one waiter at a time. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const timer = new AbortController();
      const abort = () => timer.abort(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiter = () => timer.abort(RUNG);
      await clock.sleep(ms, timer.signal).catch((error: unknown) => {
        if (!timer.signal.aborted) throw error;
      });
      this.#waiter = undefined;
      signal.removeEventListener("abort", abort);
      signal.throwIfAborted();
    }
    this.#rung = false;
  }
}
