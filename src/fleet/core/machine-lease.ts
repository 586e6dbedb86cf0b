/** This part of a time to live is kept back: for clocks that differ in pace, and for a timer that is late. */
const MARGIN = 1 / 6;

/** When the right to run leased units ends that a heartbeat sent at `sentMs` gave; all in milliseconds. */
export function leaseEndMs(sentMs: number, ttlMs: number): number {
  return sentMs + ttlMs * (1 - MARGIN);
}

/**
 * A machine's right to run units that stop on a partition. It counts from when the last heartbeat that the store
 * acknowledged was sent, by the machine's own monotonic clock, and is over before its record can expire.
 */
export class MachineLease {
  readonly #ttlMs: number;
  #untilMs = Number.NEGATIVE_INFINITY;
  #epoch = 0;

  constructor(ttlMs: number) {
    this.#ttlMs = ttlMs;
  }

  get untilMs(): number {
    return this.#untilMs;
  }

  /** Another number whenever the lease had run out before it was renewed. */
  get epoch(): number {
    return this.#epoch;
  }

  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** A heartbeat that was sent at `sentMs` was acknowledged, as is learnt at `nowMs`. */
  renew(sentMs: number, nowMs: number): void {
    if (!this.holds(nowMs)) this.#epoch += 1;
    this.#untilMs = Math.max(this.#untilMs, leaseEndMs(sentMs, this.#ttlMs));
  }
}
