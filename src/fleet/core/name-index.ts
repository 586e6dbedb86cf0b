import type { UnitName } from "#unitfile/core/unit-name.ts";

/** Names in order, to find those that begin alike without looking at all. */
export class NameIndex {
  readonly #names: readonly UnitName[];

  constructor(names: Iterable<UnitName>) {
    this.#names = [...names].sort();
  }

  *beginningWith(prefix: string): Generator<UnitName> {
    for (let i = this.#firstFrom(prefix); i < this.#names.length; i += 1) {
      const name = this.#names[i]!;
      if (!name.startsWith(prefix)) return;
      yield name;
    }
  }

  #firstFrom(prefix: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#names[middle]! < prefix) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
