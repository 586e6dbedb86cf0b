import type { Clock } from "#base/clock.ts";

/** Pauses end at once and are written down; time limits end when the test says so, however slow the machine is. */
export class PatientClock implements Clock {
  readonly pausesMs: number[] = [];
  readonly #limitsMs: ReadonlySet<number>;
  readonly #limits = new Map<number, () => void>();
  readonly #onPause: (count: number) => void;

  /**
   * @param limitsMs sleeps of these lengths are time limits, all others are pauses
   * @param onPause called with the number of pauses so far
   */
  constructor(limitsMs: readonly number[], onPause: (count: number) => void = () => {}) {
    this.#limitsMs = new Set(limitsMs);
    this.#onPause = onPause;
  }

  monotonicMs(): number {
    return 0;
  }

  now(): Date {
    return new Date(0);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (this.#limitsMs.has(ms)) this.#limits.set(ms, resolve);
    else {
      this.pausesMs.push(ms);
      this.#onPause(this.pausesMs.length);
      setImmediate(resolve);
    }
    await promise.finally(() => signal.removeEventListener("abort", abort));
  }

  /** Ends the time limit of this length that was set last. */
  endLimit(ms: number): void {
    this.#limits.get(ms)?.();
  }
}
