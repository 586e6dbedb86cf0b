import type { Clock } from "#base/clock.ts";

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock that moves only when told to. Sleepers wake in deadline order, ties in the order they slept. */
export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #wallStartMs: number;
  #sleepers: Sleeper[] = [];

  constructor(wallStartMs = 0) {
    this.#wallStartMs = wallStartMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  now(): Date {
    return new Date(this.#wallStartMs + this.#nowMs);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => {
      this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
      reject(signal.reason);
    };
    const wake = () => {
      signal.removeEventListener("abort", abort);
      resolve();
    };
    const sleeper = { atMs: this.#nowMs + Math.max(0, ms), wake };
    this.#sleepers.push(sleeper);
    signal.addEventListener("abort", abort, { once: true });
    await promise;
  }

  /** Moves time on by `ms`, waking each sleeper that comes due and letting its code run first. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      await settle();
      const due = this.#nextDue(endMs);
      if (due === undefined) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== due);
      this.#nowMs = due.atMs;
      due.wake();
    }
    this.#nowMs = endMs;
  }

  #nextDue(endMs: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const s of this.#sleepers)
      if (s.atMs <= endMs && (next === undefined || s.atMs < next.atMs)) next = s;
    return next;
  }
}

/** Lets woken code run until it waits again. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
