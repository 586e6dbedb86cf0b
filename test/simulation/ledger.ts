import { createHash } from "node:crypto";
import { decodeEntry } from "#keys/core/command.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { hashState, restoreSnapshot } from "#keys/core/snapshot.ts";
import { Store } from "#keys/core/store.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import type { Log, LogEntry } from "#log/core/log.ts";
import type { MemoryDisk } from "#log/memory-log.ts";
import { logOver } from "#test/support/log-over.ts";
import type { Violations } from "./trace.ts";

/** A key at one moment: its value, or how it went. */
export interface Version {
  readonly index: number;
  readonly value: string | undefined;
  /** The event that says so. */
  readonly by: { readonly key: string; readonly action: string };
}

const DURABLE = "1 acknowledged writes survive";
const EQUAL = "2 equal index, equal state";

/**
 * The truth about the store: every entry that its log ever delivered, and what follows from them, kept beside the
 * server and compared with it. A server that starts again has to have all of it.
 */
export class Ledger {
  readonly #violations: Violations;
  readonly #nowMs: () => number;
  readonly #entries: string[] = [];
  /** When each index came to be. */
  readonly #times = new Map<number, number>();
  /** Told of every event when it is durable, before anybody else is. */
  onEvent: (event: KeyEvent) => void = () => {};
  #store = new Store();
  /** The event of each index; undefined where no watcher may see one. */
  readonly events = new Map<number, KeyEvent | undefined>();
  readonly #versions = new Map<string, Version[]>();
  readonly #live = new Set<string>();
  /** The newest index that an answer showed. */
  #shown = 0;

  constructor(violations: Violations, nowMs: () => number) {
    this.#violations = violations;
    this.#nowMs = nowMs;
  }

  get index(): number {
    return this.#store.index;
  }

  get entries(): number {
    return this.#entries.length;
  }

  /** The newest index that somebody was told of. */
  get shown(): number {
    return this.#shown;
  }

  /** The same log, with every delivery noted before it is passed on. */
  around(log: Log): Log {
    return logOver(log, {
      start: (reader) =>
        log.start({
          ...reader,
          deliver: (entries) => {
            this.#note(entries);
            reader.deliver(entries);
          },
        }),
    });
  }

  #note(entries: readonly LogEntry[]): void {
    for (const { index, data } of entries) {
      const known = this.#entries[index - 1];
      if (known === undefined && index === this.#entries.length + 1) this.#apply(data);
      else if (known !== data)
        this.#violations.add(DURABLE, `entry ${index}`, `was ${known}, is ${data}`);
    }
  }

  #apply(data: string): void {
    this.#entries.push(data);
    const before = this.#store.index;
    this.#store.apply(decodeEntry(data).command);
    let index = before;
    for (const event of this.#store.parts.history.from(before + 1)) {
      index += 1;
      this.events.set(index, event);
      this.#times.set(index, this.#nowMs());
      if (event === undefined) continue;
      this.#change(index, event);
      this.onEvent(event);
    }
  }

  /** A model of its own of what events do to keys. */
  #change(index: number, { action, node }: KeyEvent): void {
    const by = { key: node.key, action };
    if (action === "delete" || action === "expire" || action === "compareAndDelete") {
      for (const key of this.#live)
        if (key === node.key || key.startsWith(`${node.key}/`))
          this.#put(key, { index, value: undefined, by });
    } else if (node.dir !== true) this.#put(node.key, { index, value: node.value ?? "", by });
  }

  #put(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions === undefined) this.#versions.set(key, [version]);
    else versions.push(version);
    if (version.value === undefined) this.#live.delete(key);
    else this.#live.add(key);
  }

  /** The key as it was when the store's index was `index`. */
  at(key: string, index: number): Version | undefined {
    return this.#versions.get(key)?.findLast((version) => version.index <= index);
  }

  value(key: string, index: number): string | undefined {
    return this.at(key, index)?.value;
  }

  timeOf(index: number): number | undefined {
    return this.#times.get(index);
  }

  /** Whether there was a value at the key or below it. */
  hasAny(key: string, index: number): boolean {
    for (const one of this.#versions.keys())
      if ((one === key || one.startsWith(`${key}/`)) && this.value(one, index) !== undefined)
        return true;
    return false;
  }

  /** Keys that ever were, in order of their first appearance. */
  get keys(): Iterable<string> {
    return this.#versions.keys();
  }

  get keyCount(): number {
    return this.#versions.size;
  }

  /** Keys that hold a value now. */
  get live(): ReadonlySet<string> {
    return this.#live;
  }

  /** An answer showed this index to somebody. */
  show(index: number): void {
    if (index > this.index)
      this.#violations.add(DURABLE, "an answer", `shows index ${index}, the log ${this.index}`);
    this.#shown = Math.max(this.#shown, index);
  }

  /** A write was acknowledged with this event. */
  acknowledge(event: KeyEvent): void {
    const { modifiedIndex, key } = event.node;
    if (!this.events.has(modifiedIndex)) {
      this.#violations.add(DURABLE, key, `acknowledged at ${modifiedIndex}, not in the log`);
      return;
    }
    const kept = this.events.get(modifiedIndex);
    // A refresh has an index but no event.
    if (kept !== undefined && (kept.node.key !== key || kept.node.value !== event.node.value))
      this.#violations.add(DURABLE, key, `acknowledged ${print(event)}, kept ${print(kept)}`);
  }

  /** Whatever a server on this disk will know, compared with all that was ever delivered. */
  checkDisk(disk: MemoryDisk): void {
    if (disk.lastIndex < this.#entries.length)
      this.#violations.add(
        DURABLE,
        "the disk",
        `ends at entry ${disk.lastIndex}; ${this.#entries.length} were delivered, index ${this.#shown} was shown`,
      );
    for (const { index, data } of disk.entries) {
      const known = this.#entries[index - 1];
      if (known !== undefined && known !== data)
        this.#violations.add(DURABLE, `entry ${index}`, `was ${known}, is ${data} on disk`);
    }
    const upTo = Math.min(disk.lastIndex, this.#entries.length);
    const fresh = rebuild(disk, upTo);
    if (upTo === this.#entries.length && hashOf(fresh) !== hashOf(this.#store))
      this.#violations.add(EQUAL, "a fresh store on the disk", `differs at entry ${upTo}`);
  }

  checkServer(server: KeysServer): void {
    if (server.etcdIndex !== this.index)
      this.#violations.add(EQUAL, "the server", `is at ${server.etcdIndex}, its log ${this.index}`);
    else if (server.stateHash(sha1) !== hashOf(this.#store))
      this.#violations.add(EQUAL, "the server", `differs at index ${this.index}`);
    this.#checkModel(server);
  }

  /** The events alone make the tree that the server gives. */
  #checkModel(server: KeysServer): void {
    for (const key of this.#live) {
      const outcome = server.get(key, { recursive: false, sorted: false });
      const value = "event" in outcome ? outcome.event.node.value : `error ${outcome.code}`;
      const expected = this.value(key, this.index);
      if (value !== expected)
        this.#violations.add(DURABLE, key, `events say ${expected}, the server ${value}`);
    }
  }
}

/** What `#restore` and replay make of a disk, up to an entry. */
function rebuild(disk: MemoryDisk, upTo: number): Store {
  const store = disk.snapshot ? restoreSnapshot(disk.snapshot.chunks) : new Store();
  for (const { index, data } of disk.entries)
    if (index <= upTo) store.apply(decodeEntry(data).command);
  return store;
}

function hashOf(store: Store): string {
  return hashState(store, sha1);
}

function sha1(texts: Iterable<string>): string {
  const hash = createHash("sha1");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}

function print({ action, node }: KeyEvent): string {
  return `${action} ${node.key}=${node.value ?? ""}@${node.modifiedIndex}`;
}
