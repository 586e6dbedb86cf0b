interface Written {
  /** Undefined for removed. */
  readonly value: string | undefined;
  /** At which index the mirror shows it. */
  readonly index: number;
}

/** What this daemon wrote and its mirror does not show yet, so that nothing is written twice meanwhile. */
export class WrittenKeys {
  readonly #written = new Map<string, Written>();
  #shownIndex = 0;

  /** Remembers a write; one whose index is not known changed nothing. */
  remember(key: string, value: string | undefined, index: number | undefined): void {
    if (index !== undefined) this.#written.set(key, { value, index });
  }

  /** What the store says of the key as far as is known: `shown` by the mirror at `index`, or what was written since. */
  known(key: string, shown: string | undefined, index: number): string | undefined {
    if (index !== this.#shownIndex) this.#settle(index);
    const written = this.#written.get(key);
    return written === undefined ? shown : written.value;
  }

  #settle(index: number): void {
    // A store that went back in time knows nothing of what was written to it since.
    if (index < this.#shownIndex) this.#written.clear();
    this.#shownIndex = index;
    for (const [key, written] of this.#written)
      if (written.index <= index) this.#written.delete(key);
  }

  /** Whether the key was written and the mirror does not show it yet. */
  isPending(key: string): boolean {
    return this.#written.has(key);
  }
}
