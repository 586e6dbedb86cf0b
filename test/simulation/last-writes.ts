import type { SimulatedMachine } from "#fleet/simulated-cluster.ts";

/** The longest time that a write to a slow disk takes, and one more after it. */
const WRITTEN_MS = 7_000;

/** Tells since when what a machine's daemon wanted to write down may not be on its disk. */
export class LastWrites {
  /** When each machine's daemon was last seen, and since when its disk may have been too full to write. */
  readonly #aliveMs = new Map<SimulatedMachine, number>();
  readonly #fullSinceMs = new Map<SimulatedMachine, number>();

  /** To be called now and then, for it only knows what it sees. */
  look(machines: Iterable<SimulatedMachine>, nowMs: number): void {
    for (const machine of machines) {
      if (machine.daemon !== undefined) this.#aliveMs.set(machine, nowMs);
      // What was written just before may not be there either.
      if (machine.disk.isFull && !this.#fullSinceMs.has(machine))
        this.#fullSinceMs.set(machine, nowMs - WRITTEN_MS);
    }
  }

  /** The daemon that was last seen may not have written what came up from then on; in milliseconds. */
  unsureSinceMs(machine: SimulatedMachine): number {
    const fullSinceMs = this.#fullSinceMs.get(machine) ?? Number.POSITIVE_INFINITY;
    return Math.min((this.#aliveMs.get(machine) ?? 0) - WRITTEN_MS, fullSinceMs);
  }
}
