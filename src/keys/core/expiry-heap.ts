/** What can stand in the heap; the heap keeps its place up to date. */
export interface Expiring {
  readonly key: string;
  readonly createdIndex: number;
  expiresMs: number | undefined;
  /** Position in the heap; -1 outside. */
  heapAt: number;
}

/**
 * Keys with a time to live, the next to end on top. Ties have one order on every server: by creation, then by name.
 * A binary heap in which every element knows its place, so that removal costs the logarithm too.
 */
export class ExpiryHeap<T extends Expiring> {
  readonly #items: T[] = [];

  top(): T | undefined {
    return this.#items[0];
  }

  /** Sets when `item` ends (undefined: never) and moves it to its place. */
  set(item: T, expiresMs: number | undefined): void {
    this.remove(item);
    item.expiresMs = expiresMs;
    if (expiresMs === undefined) return;
    item.heapAt = this.#items.length;
    this.#items.push(item);
    this.#up(item.heapAt);
  }

  remove(item: T): void {
    const at = item.heapAt;
    if (at < 0) return;
    item.heapAt = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#place(last, at);
    this.#up(at);
    this.#down(last.heapAt);
  }

  #place(item: T, at: number): void {
    this.#items[at] = item;
    item.heapAt = at;
  }

  #up(from: number): void {
    const item = this.#items[from];
    if (item === undefined) return;
    let at = from;
    while (at > 0) {
      const above = this.#items[(at - 1) >> 1];
      if (above === undefined || !isBefore(item, above)) break;
      this.#place(above, at);
      at = (at - 1) >> 1;
    }
    this.#place(item, at);
  }

  #down(from: number): void {
    const item = this.#items[from];
    if (item === undefined) return;
    let at = from;
    for (;;) {
      const left = this.#items[2 * at + 1];
      const right = this.#items[2 * at + 2];
      const next =
        right !== undefined && left !== undefined && isBefore(right, left) ? right : left;
      if (next === undefined || !isBefore(next, item)) break;
      const below = next.heapAt;
      this.#place(next, at);
      at = below;
    }
    this.#place(item, at);
  }
}

function isBefore(a: Expiring, b: Expiring): boolean {
  const by = (a.expiresMs ?? 0) - (b.expiresMs ?? 0) || a.createdIndex - b.createdIndex;
  return by !== 0 ? by < 0 : a.key < b.key;
}
