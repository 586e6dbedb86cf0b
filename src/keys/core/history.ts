import type { KeyEvent } from "#keys/core/event.ts";
import { isHiddenBelow, isWithin } from "#keys/core/key-path.ts";

/** How many events etcd keeps for watches that begin in the past (etcd v2 store). */
export const HISTORY_MAX = 1000;

/** What a watch is about. `key` is clean. */
export interface Interest {
  readonly key: string;
  readonly recursive: boolean;
}

/**
 * The newest events, one for every index. An index whose event no watcher may see (a refresh, etcd's own records)
 * holds undefined.
 */
export class History {
  /** The event of index i stands at i modulo HISTORY_MAX. */
  readonly #slots: (KeyEvent | undefined)[] = [];
  #start: number;
  #next: number;

  /** `events` are those of the indices from `start` on. */
  constructor(start: number, events: readonly (KeyEvent | undefined)[]) {
    this.#start = start;
    this.#next = start;
    for (const event of events) this.add(event);
  }

  /** The index of the oldest event that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Adds the event of the next index. */
  add(event: KeyEvent | undefined): void {
    this.#slots[this.#next % HISTORY_MAX] = event;
    this.#next += 1;
    if (this.#next - this.#start > HISTORY_MAX) this.#start += 1;
  }

  /** Every event from `index` on, oldest first. */
  *from(index: number): Generator<KeyEvent | undefined, void> {
    for (let at = Math.max(index, this.#start); at < this.#next; at++)
      yield this.#slots[at % HISTORY_MAX];
  }

  /** The first event from `index` on that etcd gives a watcher who asks for the past. */
  first(interest: Interest, index: number): KeyEvent | undefined {
    for (let at = index; at < this.#next; at++) {
      const event = this.#slots[at % HISTORY_MAX];
      if (event !== undefined && isFoundInPast(interest, event)) return event;
    }
    return undefined;
  }
}

/**
 * etcd's rule for the past: unlike for the present, hidden keys below are seen, and a directory that went away
 * concerns every key that begins with its name, `/ab` with `/a` too.
 */
function isFoundInPast({ key, recursive }: Interest, event: KeyEvent): boolean {
  const at = event.node.key;
  if (at === key || (recursive && isWithin(key, at))) return true;
  return isDirectoryGone(event) && key.startsWith(at);
}

/** The rule for a stream that begins in the past: as if it had watched since then. */
export function concerns({ key, recursive }: Interest, event: KeyEvent): boolean {
  const at = event.node.key;
  if (at === key) return true;
  if (recursive && isWithin(key, at)) return !isHiddenBelow(key, at);
  return isDirectoryGone(event) && isWithin(at, key);
}

function isDirectoryGone({ action, prevNode }: KeyEvent): boolean {
  return (action === "delete" || action === "expire") && prevNode?.dir === true;
}
