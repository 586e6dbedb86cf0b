import type { MachineId } from "./machine-id.ts";

interface Loaded {
  readonly machine: MachineId;
  load: number;
}

/** Machines ordered by how many units they hold, equal ones by id, kept so as units come and go. */
export class LoadOrder {
  readonly #order: Loaded[];
  readonly #entries: Map<MachineId, Loaded>;

  constructor(machines: Iterable<MachineId>, loadOf: (machine: MachineId) => number) {
    this.#order = [...machines]
      .map((machine) => ({ machine, load: loadOf(machine) }))
      .sort(compare);
    this.#entries = new Map(this.#order.map((entry) => [entry.machine, entry]));
  }

  /** Least loaded first. */
  *[Symbol.iterator](): Iterator<MachineId> {
    for (const { machine } of this.#order) yield machine;
  }

  load(machine: MachineId): number {
    return this.#entries.get(machine)?.load ?? 0;
  }

  change(machine: MachineId, by: 1 | -1): void {
    const entry = this.#entries.get(machine);
    if (entry === undefined) return;
    this.#order.splice(this.#position(entry), 1);
    entry.load += by;
    this.#order.splice(this.#position(entry), 0, entry);
  }

  /** Where the entry is, or would be. */
  #position(entry: Loaded): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#order[middle]!, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function compare(a: Loaded, b: Loaded): number {
  if (a.load !== b.load) return a.load - b.load;
  return a.machine < b.machine ? -1 : a.machine > b.machine ? 1 : 0;
}
