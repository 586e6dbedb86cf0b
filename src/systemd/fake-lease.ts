import type { Clock } from "#base/clock.ts";

/** The lease of the fake manager: goes on by the manager's clock, whoever is connected or paused. */
export class FakeLease {
  readonly #clock: Clock;
  readonly #ended: () => void;
  #run = 0;
  #held: AbortController | undefined;

  /** `ended` is called when units have to stop. */
  constructor(clock: Clock, ended: () => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Counts the times that it was held without a break. */
  get run(): number {
    return this.#run;
  }

  /** Gives the name of the time that the lease is held without a break. */
  extend(untilMs: number): string {
    if (this.#held === undefined) this.#run += 1;
    this.#held?.abort();
    const armed = new AbortController();
    this.#held = armed;
    const leftMs = untilMs - this.#clock.monotonicMs();
    if (leftMs <= 0) this.#elapse(armed);
    else
      this.#clock.sleep(leftMs, armed.signal).then(
        () => this.#elapse(armed),
        () => {}, // another one was armed
      );
    return `run ${this.#run}`;
  }

  /** Without a word to units, as when power is cut. */
  end(): void {
    this.#held?.abort();
    this.#held = undefined;
  }

  #elapse(armed: AbortController): void {
    if (this.#held !== armed) return;
    this.#held = undefined;
    this.#ended();
  }
}
