import type { OnBite } from "#fleet/simulated-bite.ts";
import type { SimulatedStore } from "#fleet/simulated-store.ts";
import type { Log } from "#log/core/log.ts";
import { logOver } from "#test/support/log-over.ts";

/** A disk whose writes may take longer is slow. */
const SLOW_MS = 20;

/** Counts what the store's log is asked to write, and can have something happen in the middle of a write. */
export class StoreFuse {
  readonly #onBite: OnBite;
  readonly #store: () => SimulatedStore | undefined;
  #lit: { writes: number; readonly burn: () => void } | undefined;

  constructor(store: () => SimulatedStore | undefined, onBite: OnBite) {
    this.#store = store;
    this.#onBite = onBite;
  }

  /** Calls `burn` in the middle of the write that comes after so many others. */
  light(writes: number, burn: () => void): void {
    this.#lit = { writes, burn };
  }

  quench(): void {
    this.#lit = undefined;
  }

  around(log: Log): Log {
    return logOver(log, {
      append: (data) => {
        const store = this.#store();
        if (store?.disk.isFull === true) this.#onBite("full disk of the store");
        if (store !== undefined && store.speed.delayMaxMs > SLOW_MS)
          this.#onBite("slow disk of the store");
        const written = log.append(data);
        if (this.#lit !== undefined && (this.#lit.writes -= 1) < 0) {
          const { burn } = this.#lit;
          this.#lit = undefined;
          this.#onBite("store crashed in a write");
          burn();
        }
        return written;
      },
    });
  }
}
