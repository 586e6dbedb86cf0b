import type { KeyEvent } from "#keys/core/event.ts";
import type { Interest } from "#keys/core/history.ts";
import { isHiddenBelow, parentKey } from "#keys/core/key-path.ts";

export interface Watcher extends Interest {
  /** Events before this index are not for this watcher. */
  readonly since: number;
  /** Whether one event is enough: the watcher is removed before it gets it. */
  readonly once: boolean;
  /** Called while the store applies a command: it may not throw and not call the store. */
  readonly notify: (event: KeyEvent) => void;
}

/** Watchers by the key they watch, so that an event costs the depth of its key and not the number of watchers. */
export class WatcherHub {
  readonly #byKey = new Map<string, Set<Watcher>>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(watcher: Watcher): void {
    const here = this.#byKey.get(watcher.key);
    if (here) here.add(watcher);
    else this.#byKey.set(watcher.key, new Set([watcher]));
    this.#count += 1;
  }

  /** Does nothing when it is removed already. */
  remove(watcher: Watcher): void {
    const here = this.#byKey.get(watcher.key);
    if (!here?.delete(watcher)) return;
    this.#count -= 1;
    if (here.size === 0) this.#byKey.delete(watcher.key);
  }

  /** Tells whom it concerns, each once; `removed` are the keys below that went with a directory. */
  tell(event: KeyEvent, removed: readonly string[]): void {
    if (this.#count === 0) return;
    const { key } = event.node;
    for (const below of removed) this.#tellAt(below, event, () => true);
    this.#tellAt(key, event, () => true);
    for (let above = key; above !== ""; ) {
      above = parentKey(above);
      this.#tellAt(above, event, (watcher) => watcher.recursive && !isHiddenBelow(above, key));
    }
  }

  #tellAt(key: string, event: KeyEvent, isConcerned: (watcher: Watcher) => boolean): void {
    for (const watcher of this.#byKey.get(key) ?? []) {
      if (event.node.modifiedIndex < watcher.since || !isConcerned(watcher)) continue;
      if (watcher.once) this.remove(watcher);
      watcher.notify(event);
    }
  }
}
