import { backoffMs } from "#base/backoff.ts";
import { type Clock, systemClock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { GetOptions, Keys } from "#keys/keys.ts";
import { changesOfEvent, changesOfListing, entriesOf } from "./mirror-changes.ts";
import { MirrorReaders } from "./mirror-readers.ts";
import { MirrorTree } from "./mirror-tree.ts";

/** A key of the mirrored part; directories are not kept, only what holds a value. */
export interface MirrorEntry {
  readonly key: string;
  readonly value: string;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

export interface MirrorChange {
  readonly key: string;
  readonly before: MirrorEntry | undefined;
  readonly after: MirrorEntry | undefined;
  /**
   * The event that says so; absent when the difference was found by listing again. A key that is merely missing
   * from a list was not recorded as removed, and nothing may be taken away for it.
   */
  readonly event: KeyEvent | undefined;
}

/**
 * `following`: the view is the store's, but for what is on its way. `lost`: the store cannot be read, the view is as
 * old as `Mirror.heardMs`. Times are the clock's monotonic milliseconds.
 */
export type MirrorState =
  | { readonly state: "following"; readonly sinceMs: number }
  | { readonly state: "lost"; readonly sinceMs: number; readonly reason: string };

/** The store went back in time: it was restored from an older backup, or is another one. */
export interface Rollback {
  readonly seenIndex: number;
  readonly listedIndex: number;
  readonly atMs: number;
}

export interface MirrorOptions {
  readonly clock?: Clock;
  readonly random?: Random;
  /** How long the watch may be silent before the store is asked whether it is still there; default 30 s. */
  readonly quietMs?: number;
  /** Ends the mirror, as disposing of it does. */
  readonly signal?: AbortSignal;
}

const QUIET_MS = 30_000;
/** Half of etcd's history of 1000 events: a watch resumed from further back may soon be answered 401. */
const STALE_EVENTS = 500;
/** A watch that held this long was no failure to start. */
const STEADY_MS = 5_000;
const RETRY = { baseMs: 100, maxMs: 5_000 };

/**
 * Follows the part of the tree under `prefix` (hidden or not, present or not) from now until disposed of: lists it,
 * watches from there, and lists again when the history does not reach back (401) or the store was lost.
 */
export function openMirror(keys: Keys, prefix: string, options: MirrorOptions = {}): Mirror {
  return new Mirror(keys, prefix, options);
}

/** A synchronous view of a part of the tree, and the changes that lead to it. */
export class Mirror implements AsyncDisposable {
  readonly prefix: string;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #quietMs: number;
  readonly #tree = new MirrorTree();
  readonly #readers = new MirrorReaders();
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running: Promise<void>;
  #state: MirrorState;
  #index = 0;
  #heardMs: number | undefined;
  #rollback: Rollback | undefined;
  #clusterId = "";
  readonly #nudge = new Wake();
  #isNudged = false;
  /** Whether the last look found the view behind the store while the watch said nothing. */
  #doubtful = false;
  #activeMs: number;

  constructor(keys: Keys, prefix: string, options: MirrorOptions) {
    this.#keys = keys;
    this.prefix = `/${prefix.split("/").filter(Boolean).join("/")}`;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#quietMs = options.quietMs ?? QUIET_MS;
    this.#signal = AbortSignal.any([this.#end.signal, ...(options.signal ? [options.signal] : [])]);
    this.#activeMs = this.#clock.monotonicMs();
    this.#state = { state: "lost", sinceMs: this.#activeMs, reason: "not listed yet" };
    this.#running = this.#run();
    // A failure reaches whoever reads changes or disposes of the mirror.
    this.#running.catch(() => {});
  }

  get state(): MirrorState {
    return this.#state;
  }

  /** All events up to this index are in the view; 0 before the first list. */
  get index(): number {
    return this.#index;
  }

  /** When the newest request was sent that the store answered, or its newest event came. */
  get heardMs(): number | undefined {
    return this.#heardMs;
  }

  /** The last time that the store was found to have gone back; the view follows it all the same. */
  get rolledBack(): Rollback | undefined {
    return this.#rollback;
  }

  /** Has it ask the store now, however quiet the watch is: somebody has reason to think that this view is wrong. */
  look(): void {
    this.#isNudged = true;
    this.#nudge.ring();
  }

  /** The id of the cluster that was listed last; empty while none told its. */
  get clusterId(): string {
    return this.#clusterId;
  }

  get size(): number {
    return this.#tree.size;
  }

  get(key: string): MirrorEntry | undefined {
    return this.#tree.get(key);
  }

  /** The entries at and below `key`, ordered by path segment; all of them by default. */
  entries(key = "/"): MirrorEntry[] {
    return this.#tree.under(key);
  }

  /**
   * Batches of changes from this call on (not from the first `next`), in order, each change once: applied to what
   * `entries` gives now, they give the view. Everything not yet taken comes as one batch. A reader that falls
   * `CHANGES_MAX` changes behind is ended with a RangeError; ends when the mirror does.
   */
  changes(signal: AbortSignal): AsyncIterable<readonly MirrorChange[]> {
    return this.#readers.open(signal);
  }

  /** Resolves when the view is (again) the store's. */
  whenFollowing(signal: AbortSignal): Promise<void> {
    return this.#readers.when(() => this.#state.state === "following", signal);
  }

  whenLost(signal: AbortSignal): Promise<void> {
    return this.#readers.when(() => this.#state.state === "lost", signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    try {
      while (!this.#signal.aborted) {
        const startedMs = this.#clock.monotonicMs();
        try {
          await this.#list();
          await this.#follow();
        } catch (error) {
          if (this.#signal.aborted) break;
          if (!isOfTheStore(error)) throw error;
          if (!isHistoryGone(error)) this.#lose(reasonOf(error));
        }
        failures = this.#clock.monotonicMs() - startedMs >= STEADY_MS ? 0 : failures + 1;
        // The first failure after a steady time is answered by listing again at once.
        if (failures > 1) await this.#pause(backoffMs(failures - 2, RETRY, this.#random));
      }
      this.#readers.end();
    } catch (error) {
      this.#readers.end(error);
      throw error;
    }
  }

  async #pause(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#signal).catch((error: unknown) => {
      if (!this.#signal.aborted) throw error;
    });
  }

  async #list(): Promise<void> {
    const { listed, index, clusterId } = await this.#read();
    const changes = changesOfListing(this.#tree, listed);
    const other = this.#clusterId !== "" && clusterId !== "" && clusterId !== this.#clusterId;
    if (clusterId !== "") this.#clusterId = clusterId;
    const older = changes.some(
      ({ before, after }) => before && after && after.modifiedIndex < before.modifiedIndex,
    );
    const atMs = this.#clock.monotonicMs();
    if (index < this.#index || older || other)
      this.#rollback = { seenIndex: this.#index, listedIndex: index, atMs };
    this.#index = index;
    this.#doubtful = false;
    this.#apply(changes);
    if (this.#state.state === "lost") this.#enter({ state: "following", sinceMs: atMs });
  }

  /** The whole part as the store has it; by quorum, for a server behind the others must not pass for a rollback. */
  async #read(): Promise<{ listed: Map<string, MirrorEntry>; index: number; clusterId: string }> {
    const sentMs = this.#clock.monotonicMs();
    const options = { recursive: true, quorum: true };
    const { event, index, clusterId } = await this.#ask(this.prefix, options, this.#signal);
    this.#heardMs = sentMs;
    return { listed: event ? entriesOf(event.node) : new Map(), index, clusterId };
  }

  /** Like `get`, with no event for what does not exist. */
  async #ask(
    key: string,
    options: GetOptions,
    signal: AbortSignal,
  ): Promise<{ event?: KeyEvent; index: number; clusterId: string }> {
    try {
      const { event, etcdIndex, clusterId = "" } = await this.#keys.get(key, options, signal);
      return { event, index: etcdIndex, clusterId };
    } catch (error) {
      // 104: a value stands where a directory above it would be.
      if (error instanceof KeysError && (error.code === 100 || error.code === 104))
        return { index: error.index, clusterId: "" };
      throw error;
    }
  }

  /**
   * Watches until listing again is needed, starting the watch afresh whenever the index that it would resume from
   * has moved on.
   */
  async #follow(): Promise<void> {
    for (;;) {
      const stop = new AbortController();
      const signal = AbortSignal.any([stop.signal, this.#signal]);
      const looking = this.#lookWhenQuiet(signal)
        .then((what) => stop.abort(what))
        .catch((error: unknown) => stop.abort(error));
      try {
        await this.#watch(signal);
      } catch (error) {
        if (!stop.signal.aborted || this.#signal.aborted) throw error;
        if (stop.signal.reason === "list again") return;
        if (stop.signal.reason !== "watch afresh") throw stop.signal.reason;
      } finally {
        stop.abort();
        await looking;
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const options = { recursive: true, fromIndex: this.#index + 1 };
    for await (const event of this.#keys.watch(this.prefix, options, signal)) {
      if (event.node.modifiedIndex <= this.#index) continue;
      this.#index = event.node.modifiedIndex;
      this.#heardMs = this.#activeMs = this.#clock.monotonicMs();
      this.#doubtful = false;
      this.#apply(changesOfEvent(this.#tree, event));
    }
  }

  /**
   * While the watch is silent, asks now and then whether the store is there. When its index has gone far ahead
   * without an event here, and a list equals the view, the watch may start afresh from the list's index: from its old
   * one, a reconnection would find the history gone and removals unexplained. A list that differs leaves the watch a
   * second chance to tell of it.
   */
  async #lookWhenQuiet(signal: AbortSignal): Promise<"watch afresh" | "list again"> {
    for (;;) {
      await this.#nudge.wait(this.#quietMs * (0.75 + 0.5 * this.#random()), this.#clock, signal);
      const isNudged = this.#isNudged;
      this.#isNudged = false;
      const sentMs = this.#clock.monotonicMs();
      if (!isNudged && sentMs - this.#activeMs < this.#quietMs / 2) continue;
      // A key that never exists: its answer carries the index and nothing else, whatever the size of the tree.
      const probe = await this.#ask(`${this.prefix}/_index`, {}, signal);
      this.#heardMs = sentMs;
      const ahead = probe.index - this.#index;
      if (ahead >= 0 && ahead < STALE_EVENTS && !this.#doubtful) continue;
      const { listed, index } = await this.#read();
      if (this.#activeMs > sentMs) continue;
      const changes = changesOfListing(this.#tree, listed);
      if (index >= this.#index && changes.every(isRenewal)) {
        this.#index = index;
        this.#apply(changes);
        return "watch afresh";
      }
      if (this.#doubtful || index < this.#index) return "list again";
      this.#doubtful = true;
    }
  }

  #lose(reason: string): void {
    const sinceMs = this.#state.state === "lost" ? this.#state.sinceMs : this.#clock.monotonicMs();
    this.#enter({ state: "lost", sinceMs, reason });
  }

  #enter(state: MirrorState): void {
    this.#state = state;
    this.#readers.notify();
  }

  #apply(changes: readonly MirrorChange[]): void {
    for (const { key, after } of changes)
      if (after === undefined) this.#tree.delete(key);
      else this.#tree.set(after);
    if (changes.length > 0) this.#readers.push(changes);
  }
}

/** A renewed time to live, of which no watch tells: the same value at a later index. */
function isRenewal({ before, after }: MirrorChange): boolean {
  return (
    before !== undefined &&
    before.value === after?.value &&
    before.createdIndex === after.createdIndex &&
    before.modifiedIndex < after.modifiedIndex
  );
}

function isOfTheStore(error: unknown): boolean {
  return error instanceof KeysError || error instanceof Fault;
}

/** 401: the history no longer reaches back; 400: the server was restored and dropped its watchers. */
function isHistoryGone(error: unknown): boolean {
  return error instanceof KeysError && (error.code === 401 || error.code === 400);
}
