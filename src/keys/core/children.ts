/** What can be in a list of children; the list keeps the links. */
export interface Sibling<T> {
  before: T | undefined;
  after: T | undefined;
}

/**
 * The children of a directory, in the order in which they came: a list through the nodes themselves. A Set does the
 * same, but a busy one is copied again and again, and what is removed from it stays in memory with its old copies
 * until the next full collection.
 */
export class Children<T extends Sibling<T>> implements Iterable<T> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(child: T): void {
    child.before = this.#last;
    if (this.#last) this.#last.after = child;
    else this.#first = child;
    this.#last = child;
    this.#size += 1;
  }

  /** Removes one that is in the list. */
  remove(child: T): void {
    const { before, after } = child;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    child.before = child.after = undefined; // else it would hold on to those that were beside it
    this.#size -= 1;
  }

  /** Those that are there now, to be gone through while they change. */
  list(): T[] {
    return [...this];
  }

  /** Nothing may be added or removed meanwhile. */
  *[Symbol.iterator](): Generator<T, void> {
    for (let at = this.#first; at !== undefined; at = at.after) yield at;
  }
}
