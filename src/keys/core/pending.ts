const LENGTH_MIN = 256;

/**
 * What waits, each under the number that it got, which are mostly given back in order. A Map does the same, but one
 * that is added to and taken from all the time is copied again and again, and what was in the old copies stays in
 * memory until the next full collection.
 */
export class Pending<T extends object> {
  /** What has number i stands at i modulo the length, which is a power of two. */
  #slots = emptySlots<T>(LENGTH_MIN);
  /** Nothing before this number waits any more. */
  #first = 1;
  #next = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number that `item` waits under: 1 for the first, each next one more. */
  add(item: T): number {
    if (this.#next - this.#first === this.#slots.length) this.#grow();
    const number = this.#next;
    this.#slots[number & (this.#slots.length - 1)] = item;
    this.#next += 1;
    this.#size += 1;
    return number;
  }

  /** What waits under this number, which then waits no more. */
  take(number: number): T | undefined {
    if (!(number >= this.#first && number < this.#next)) return undefined;
    const at = number & (this.#slots.length - 1);
    const item = this.#slots[at];
    if (item === undefined) return undefined;
    this.#slots[at] = undefined;
    this.#size -= 1;
    while (this.#first < this.#next && this.#slotOf(this.#first) === undefined) this.#first += 1;
    return item;
  }

  /** All that waits, in the order of its numbers; then nothing does. */
  takeAll(): T[] {
    const all: T[] = [];
    for (let number = this.#first; number < this.#next; number += 1) {
      const item = this.#slotOf(number);
      if (item !== undefined) all.push(item);
    }
    this.#slots.fill(undefined);
    this.#first = this.#next;
    this.#size = 0;
    return all;
  }

  #slotOf(number: number): T | undefined {
    return this.#slots[number & (this.#slots.length - 1)];
  }

  #grow(): void {
    const grown = emptySlots<T>(2 * this.#slots.length);
    for (let number = this.#first; number < this.#next; number += 1)
      grown[number & (grown.length - 1)] = this.#slotOf(number);
    this.#slots = grown;
  }
}

function emptySlots<T>(length: number): (T | undefined)[] {
  return Array.from({ length }, () => undefined);
}
