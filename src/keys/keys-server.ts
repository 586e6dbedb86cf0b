import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { AuthView } from "#keys/core/auth-records.ts";
import { type Command, decodeEntry, encodeEntry } from "#keys/core/command.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { Interest } from "#keys/core/history.ts";
import type { Outcome, Refusal } from "#keys/core/outcome.ts";
import { Pending } from "#keys/core/pending.ts";
import { hashState, restoreSnapshot, takeSnapshot } from "#keys/core/snapshot.ts";
import { Store } from "#keys/core/store.ts";
import type { StoreStats } from "#keys/core/store-stats.ts";
import { proposeExpiry } from "#keys/expiry-proposer.ts";
import { ServerCounts } from "#keys/server-counts.ts";
import type { Log, LogEntry, LogMeasures, LogReader, LogSnapshot } from "#log/core/log.ts";

/** etcd's own entries before its first client's: its configuration, its election, its member, its version. */
const RAFT_INDEX_BASE = 4;

/** As etcd 3.x cuts its log (snapshot-count); ten times as often, snapshots were a tenth of the work of a busy store. */
const SNAPSHOT_EVERY = 100_000;

/** A log in etcd is limited by its size: etcd holds 2 GB, and keeps what a snapshot drops until the next one. */
const SNAPSHOT_EVERY_LENGTH = 256 << 20;

/** So much more often while the log's room is scarce. */
const CROWDED_DIVISOR = 100;

export interface KeysServerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Entries between snapshots; default 100,000. */
  readonly snapshotEvery?: number;
  /** Length of the entries between snapshots that is enough too; default 256 MiB. */
  readonly snapshotEveryLength?: number;
  /** Told of what fails beside any request, such as a snapshot; the server goes on. */
  readonly onFault: (fault: Fault) => void;
}

type Settle = (result: Outcome | Fault) => void;

/**
 * One server of the store: a log, and the state that its entries make. Reads are answered from what is applied, and
 * only what is durable is applied. After a Fault LOG_IO it goes on reading and refuses to write until it is opened
 * again.
 */
export class KeysServer implements AsyncDisposable {
  readonly #log: Log;
  #store: Store;
  readonly #options: KeysServerOptions;
  /** Begins the ids of this server's entries: no other server's or earlier run's entry is taken for its own. */
  readonly #idPrefix: string;
  readonly #pending = new Pending<Settle>();
  readonly counts = new ServerCounts();
  readonly #closing = new AbortController();
  #following = new AbortController();
  readonly #expiring: Promise<void>;
  #snapshotting: Promise<void> | undefined;
  #applied = 0;
  /** Where this server last tried to save a snapshot: after a failure, the next attempt comes after as many entries. */
  #triedIndex = 0;
  #entryLength = 0;
  #countedFrom = 0;
  #isFaultTold = false;

  /**
   * Rebuilds the state from the log, which it owns from now on.
   * @throws {Fault} LOG_CORRUPT when what the log holds cannot be understood.
   */
  constructor(log: Log, options: KeysServerOptions) {
    this.#log = log;
    this.#options = options;
    this.#idPrefix = `${Math.floor(options.random() * 2 ** 48).toString(36)}.`;
    try {
      this.#store = log.snapshot ? restoreSnapshot(log.snapshot.chunks) : new Store();
      this.#applied = log.snapshot?.index ?? 0;
      if (log.snapshot) this.counts.before = { ...this.#store.parts.stats };
      this.#countedFrom = log.snapshotIndex;
      log.start(this.#reader);
    } catch (cause) {
      if (cause instanceof Fault) throw cause;
      throw new Fault(
        "LOG_CORRUPT",
        `Cannot rebuild the store after entry ${this.#applied}: ${reasonOf(cause)}; it was written by a newer version, or start with an empty data directory`,
        { cause, facts: { index: this.#applied } },
      );
    }
    this.#expiring = proposeExpiry(
      {
        log,
        clock: options.clock,
        appliedIndex: () => this.#applied,
        nextExpiryMs: () => this.#store.nextExpiryMs,
        isResumed: this.#applied > 0,
      },
      this.#closing.signal,
    );
  }

  /** `X-Etcd-Index`: counts changes. */
  get etcdIndex(): number {
    return this.#store.index;
  }

  /** `X-Raft-Index`: counts entries. */
  get raftIndex(): number {
    return this.#applied + RAFT_INDEX_BASE;
  }

  get term(): number {
    return this.#log.term;
  }

  /** Why writes are refused, when they are. */
  get writeFault(): Fault | undefined {
    return this.#log.fault;
  }

  get stats(): Readonly<StoreStats> & { readonly watchers: number } {
    return { ...this.#store.parts.stats, watchers: this.#store.watcherCount };
  }

  /** Proposals that are not applied yet. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  get logMeasures(): LogMeasures | undefined {
    return this.#log.measures;
  }

  /** Users, roles and whether authentication is on, as far as applied. */
  get auth(): AuthView {
    return this.#store.auth;
  }

  /**
   * Aborts, with the Fault that whoever still waits shall get, when what was waited for can no longer be told: the
   * server closes, or jumped over entries to a newer state. After a jump there is a new signal.
   */
  get following(): AbortSignal {
    return this.#following.signal;
  }

  /** Wall time in milliseconds, for the commands of a request. */
  nowMs(): number {
    return this.#options.clock.now().getTime();
  }

  get(key: string, options: { readonly recursive: boolean; readonly sorted: boolean }): Outcome {
    const outcome = this.#store.get(key, options, this.nowMs());
    if (options.recursive) this.counts.recursiveRead(outcome);
    return outcome;
  }

  /** Calls `settle` once, when the command is durable and applied, or cannot be. */
  submit(command: Command, settle: Settle): void {
    const id = this.#idPrefix + this.#pending.add(settle).toString(36);
    this.#log.append(encodeEntry(id, command)).catch((error: unknown) => this.#failed(id, error));
  }

  /** Resolves with what the applied command did; rejects with a Fault, or the signal's reason (then it may yet happen). */
  propose(command: Command, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    this.submit(command, (result) => {
      signal.removeEventListener("abort", abort);
      if (result instanceof Fault) reject(result);
      else resolve(result);
    });
    return promise;
  }

  /** See Store.watchOnce. */
  watchOnce(
    interest: Interest,
    fromIndex: number | undefined,
    notify: (event: KeyEvent) => void,
  ): Refusal | (() => void) {
    this.counts.watchRequests += 1;
    return this.#store.watchOnce(interest, fromIndex, (event) => aside(() => notify(event)));
  }

  /** See Store.watchAll. */
  watchAll(
    interest: Interest,
    fromIndex: number | undefined,
    notify: (event: KeyEvent) => void,
  ): Refusal | (() => void) {
    this.counts.watchRequests += 1;
    return this.#store.watchAll(interest, fromIndex, (event) => aside(() => notify(event)));
  }

  /** Equal on servers that applied the same entries. */
  stateHash(hash: (texts: Iterable<string>) => string): string {
    return hashState(this.#store, hash);
  }

  /** The whole state as it is at one moment, read while others go on. */
  async takeSnapshot(): Promise<LogSnapshot> {
    while (this.#snapshotting) await this.#snapshotting; // a second one would end the first
    this.#closing.signal.throwIfAborted();
    const index = this.#applied;
    const chunks: string[] = [];
    const reading = (async () => {
      for (const chunk of takeSnapshot(this.#store)) {
        chunks.push(chunk);
        await nextTurn();
      }
    })();
    const free = () => (this.#snapshotting = undefined);
    this.#snapshotting = reading.then(free, free);
    await reading;
    return { index, chunks };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const fault = new Fault(
      "STORE_UNAVAILABLE",
      "Cannot reach the store: its server is closing; try another",
    );
    this.#closing.abort(fault);
    this.#following.abort(fault);
    // The log first: a snapshot that is being saved may wait for it without end.
    await Promise.all([this.#log[Symbol.asyncDispose](), this.#expiring, this.#snapshotting]);
  }

  readonly #reader: LogReader = {
    deliver: (entries) => this.#apply(entries),
    replace: (snapshot) => this.#jump(snapshot),
    fail: (fault) => {
      this.#options.onFault(fault);
      this.#following.abort(fault); // nothing more is told to whoever waits
    },
  };

  /** Takes over a state whose entries this server never saw: what it was asked meanwhile has an unknown end. */
  #jump({ index, chunks }: LogSnapshot): void {
    this.#store = restoreSnapshot(chunks);
    this.#applied = index;
    const fault = new Fault(
      "STORE_UNAVAILABLE",
      "Cannot tell what came of it: this server fell far behind the others and took over their state; ask again",
    );
    const pending = this.#pending.takeAll();
    const ended = this.#following;
    this.#following = new AbortController();
    ended.abort(fault);
    for (const settle of pending) settle(fault);
  }

  #apply(entries: readonly LogEntry[]): void {
    for (const { index, data } of entries) {
      const { id, command } = decodeEntry(data);
      const outcome = this.#store.apply(command);
      if (command.op === "get" && command.recursive) this.counts.recursiveRead(outcome);
      this.#applied = index;
      this.#entryLength += data.length;
      const settle = this.#take(id);
      if (settle && outcome !== undefined) aside(() => settle(outcome));
    }
    this.#isFaultTold = false; // what is delivered was written: the next failure is news
    if (this.#isSnapshotDue() && this.#log.leads && !this.#closing.signal.aborted)
      this.#snapshotting ??= this.#saveSnapshot();
  }

  #isSnapshotDue(): boolean {
    const from = Math.max(this.#log.snapshotIndex, this.#triedIndex);
    if (from !== this.#countedFrom) this.#entryLength = 0;
    this.#countedFrom = from;
    const { snapshotEvery = SNAPSHOT_EVERY } = this.#options;
    const every = this.#log.isCrowded ? snapshotEvery / CROWDED_DIVISOR : snapshotEvery;
    const length = this.#options.snapshotEveryLength ?? SNAPSHOT_EVERY_LENGTH;
    return this.#applied - from >= every || this.#entryLength >= length;
  }

  #failed(id: string, error: unknown): void {
    const fault = asFault(error);
    this.counts.failedProposals += 1;
    if (fault.code === "LOG_IO" && !this.#isFaultTold) {
      this.#isFaultTold = true;
      this.#options.onFault(fault);
    }
    this.#take(id)?.(fault);
  }

  /** Who waits for the entry with this id, which is another server's or an earlier run's if nobody does. */
  #take(id: string): Settle | undefined {
    if (!id.startsWith(this.#idPrefix)) return undefined;
    return this.#pending.take(Number.parseInt(id.slice(this.#idPrefix.length), 36));
  }

  async #saveSnapshot(): Promise<void> {
    const index = this.#applied;
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      await this.#log.saveSnapshot(index, takeSnapshot(this.#store));
      this.counts.snapshotSeconds.observe((clock.monotonicMs() - startMs) / 1000);
    } catch (error) {
      const reason = asFault(error);
      if (!this.#closing.signal.aborted) this.#options.onFault(reason);
    }
    this.#triedIndex = index;
    this.#snapshotting = undefined;
  }
}

/**
 * Tells somebody of this server alone what was applied. If that throws, all that was delivered is applied first, since
 * the other servers do; then it ends the process, as any broken invariant.
 */
function aside(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error;
  throw error;
}
