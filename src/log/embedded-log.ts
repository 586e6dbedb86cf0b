import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { type Clock, systemClock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDataDirectory } from "#base/make-directory.ts";
import { exponentialBounds, Histogram } from "#base/prometheus.ts";
import { AcknowledgedMark } from "#log/acknowledged-mark.ts";
import type { Log, LogEntry, LogReader, LogSnapshot } from "#log/core/log.ts";
import {
  type LogContent,
  openForWriting,
  readLog,
  snapshotSeed,
  termOf,
} from "#log/log-database.ts";
import { databaseFault, isBusy, isFull, lostEnd } from "#log/log-faults.ts";
import { RefusedMark } from "#log/refused-mark.ts";

/** Entries dropped behind a snapshot for each one appended: so the work is even, and done long before the next one. */
const DROP_PER_ENTRY = 2;
/** Chunks of older snapshots dropped with each commit. */
const DROP_CHUNKS = 1;

/** How often a log whose disk was full looks whether there is space again. */
const LOOK_AGAIN_MS = 1_000;

interface Append {
  readonly data: string;
  readonly resolve: (index: number) => void;
  readonly reject: (fault: Fault) => void;
}

/**
 * The log on this machine's disk: SQLite in WAL mode, synchronous. What is appended in one turn of the event loop is
 * one transaction, committed on this thread, which is faster than handing it to another.
 */
export class EmbeddedLog implements Log {
  readonly snapshot: LogSnapshot | undefined;
  readonly term: number;
  readonly leads = true;
  readonly measures = {
    isOnDisk: true,
    commitSeconds: new Histogram(exponentialBounds(0.001, 2, 14)), // etcd's, of its fsync
    batchEntries: new Histogram(exponentialBounds(1, 2, 12)),
  };
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #mark: RefusedMark;
  readonly #acknowledged: AcknowledgedMark;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  readonly #sql: ReturnType<typeof prepareStatements>;
  #snapshotIndex: number;
  #recovered: readonly LogEntry[];
  #last: number;
  #chain: number;
  #pending: Append[] = [];
  /** The snapshot up to whose index rows are still to be dropped; 0 when none are. */
  #droppingTo = 0;
  #reader: LogReader | undefined;
  /** Why nothing more is appended. */
  #failure: Fault | undefined;

  /**
   * Opens the log in `directory`, which is made when missing; one process at a time.
   * @throws {Fault} LOG_CORRUPT when what is there is damaged (nothing is changed then), LOG_IO when the disk fails or
   * is full, ADDRESS_IN_USE when another process holds the directory, FILE_UNWRITABLE when the directory cannot be made.
   */
  static open(directory: string, clock: Clock = systemClock): EmbeddedLog {
    const path = join(directory, "log.db");
    makeDataDirectory(directory);
    const refused = new RefusedMark(join(directory, "refused"));
    const acknowledged = join(directory, "acknowledged");
    const holder = join(directory, "holder");
    let db: DatabaseSync | undefined;
    try {
      let content: LogContent | undefined;
      for (;;) {
        content = existsSync(path) ? readLog(path, refused.read()) : undefined;
        const until = AcknowledgedMark.read(acknowledged);
        if ((content?.last ?? 0) < until) throw lostEnd(path, content?.last ?? 0, until);
        db = openForWriting(path);
        if (termOf(db) === (content?.term ?? 1)) break;
        db.close(); // another process had it between the reading and the locking
        db = undefined;
      }
      writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
      const marks = { refused, acknowledged: new AcknowledgedMark(acknowledged) };
      return new EmbeddedLog(path, db, marks, content, clock);
    } catch (error) {
      db?.close();
      if (isBusy(error)) throw heldFault(directory, holder);
      throw databaseFault(path, error);
    }
  }

  private constructor(
    path: string,
    db: DatabaseSync,
    marks: { readonly refused: RefusedMark; readonly acknowledged: AcknowledgedMark },
    content: LogContent | undefined,
    clock: Clock,
  ) {
    this.#path = path;
    this.#db = db;
    this.#mark = marks.refused;
    this.#acknowledged = marks.acknowledged;
    this.#clock = clock;
    this.#sql = prepareStatements(db);
    this.snapshot = content?.snapshot;
    this.#snapshotIndex = content?.snapshot?.index ?? 0;
    this.#recovered = content?.entries ?? [];
    this.#last = content?.last ?? 0;
    this.#chain = content?.chain ?? 0;
    this.term = (content?.term ?? 1) + 1;
    this.#dropRefused();
  }

  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }

  get fault(): Fault | undefined {
    return this.#failure;
  }

  start(reader: LogReader): void {
    this.#reader = reader;
    const entries = this.#recovered;
    this.#recovered = [];
    if (entries.length > 0) reader.deliver(entries);
  }

  append(data: string): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    if (this.#pending.push({ data, resolve, reject }) === 1) setImmediate(() => this.#commit());
    return promise;
  }

  async saveSnapshot(index: number, chunks: Iterable<string>): Promise<void> {
    try {
      await this.#writeSnapshot(index, chunks);
      this.#snapshotIndex = index;
      this.#droppingTo = index;
    } catch (error) {
      throw databaseFault(this.#path, error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#commit();
    if (!this.#db.isOpen) return;
    this.#failure ??= new Fault(
      "STORE_UNAVAILABLE",
      `Cannot append to ${this.#path}: it is closed`,
    );
    this.#closed.abort();
    this.#acknowledged[Symbol.dispose]();
    this.#db.close();
  }

  #commit(): void {
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length === 0) return;
    const entries: LogEntry[] = [];
    let chain = this.#chain;
    let index = this.#last;
    try {
      this.#transact(() => {
        for (const { data } of batch) {
          index += 1;
          chain = crc32(data, chain);
          this.#sql.insertEntry.run(index, chain, data);
          entries.push({ index, data });
        }
        this.#dropSome(batch.length);
      });
    } catch (error) {
      this.#refuse(batch, error);
      return;
    }
    this.#chain = chain;
    this.#last = index;
    this.#acknowledged.set(index);
    this.measures.batchEntries.observe(batch.length);
    this.#reader?.deliver(entries);
    for (const [at, { resolve }] of batch.entries()) resolve(index - batch.length + 1 + at);
  }

  /** Says no to a batch, after making sure that none of it appears when the log is opened again. */
  #refuse(batch: readonly Append[], error: unknown): void {
    const passes = isFull(error);
    this.#failure = databaseFault(
      this.#path,
      error,
      passes ? "make space on the disk; writes go on by themselves then" : undefined,
    );
    try {
      this.#mark.set(this.#last + 1);
    } catch (cause) {
      this.#failure = new Fault(
        "STORE_UNAVAILABLE",
        `Cannot write to ${this.#path}: ${reasonOf(error)}; nor can that be noted (${reasonOf(cause)}), so it is unknown whether the last writes happened; replace the disk`,
        { cause: error },
      );
    }
    for (const { reject } of batch) reject(this.#failure);
    if (passes && this.#failure.code === "LOG_IO") void this.#awaitSpace();
  }

  /** Writes something in the place of what was refused, while the mark still stands; only then may that go. */
  #dropRefused(): void {
    this.#transact(() => {
      this.#sql.dropRefused.run(this.#last);
      this.#sql.setTerm.run(this.term);
    });
    this.#mark.clear();
  }

  /** A disk that was full is the one failure that passes by itself; of any other, nobody knows what it left. */
  async #awaitSpace(): Promise<void> {
    const { signal } = this.#closed;
    while (this.#failure && !signal.aborted) {
      await this.#clock.sleep(LOOK_AGAIN_MS, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        this.#dropRefused();
        this.#failure = undefined;
      } catch {
        // It is still full: what was said about that is still so.
      }
    }
  }

  #transact(work: () => void): void {
    this.#sql.begin.run();
    try {
      work();
      const startMs = performance.now();
      this.#sql.commit.run();
      this.measures.commitSeconds.observe((performance.now() - startMs) / 1000);
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  async #writeSnapshot(index: number, chunks: Iterable<string>): Promise<void> {
    const entry = this.#db.prepare("SELECT crc FROM entries WHERE idx = ?").get(index);
    const chain = Number(entry?.["crc"]);
    this.#transact(() => this.#sql.dropChunks.run(index)); // of an attempt that did not end
    let crc = snapshotSeed(index, chain);
    let count = 0;
    for (const chunk of chunks) {
      this.#throwIfClosed();
      crc = crc32(chunk, crc);
      this.#transact(() => this.#sql.insertChunk.run(index, count, chunk));
      count += 1;
      await nextTurn();
    }
    this.#throwIfClosed();
    this.#transact(() => this.#sql.insertSnapshot.run(index, chain, count, crc));
  }

  /** Drops a part of what the newest snapshot made needless. What a crash leaves is dropped after the next one. */
  #dropSome(appended: number): void {
    const to = this.#droppingTo;
    if (to === 0) return;
    const { dropEntries, dropOldChunks, dropSnapshots } = this.#sql;
    const dropped =
      Number(dropEntries.run(to, DROP_PER_ENTRY * appended).changes) +
      Number(dropOldChunks.run(to, DROP_CHUNKS).changes) +
      Number(dropSnapshots.run(to).changes);
    if (dropped === 0) this.#droppingTo = 0;
  }

  #throwIfClosed(): void {
    if (!this.#db.isOpen && this.#failure) throw this.#failure;
  }
}

function prepareStatements(db: DatabaseSync) {
  const prepare = (sql: string): StatementSync => db.prepare(sql);
  return {
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    insertEntry: prepare("INSERT INTO entries (idx, crc, data) VALUES (?, ?, ?)"),
    insertChunk: prepare("INSERT INTO chunks (idx, seq, data) VALUES (?, ?, ?)"),
    insertSnapshot: prepare("INSERT INTO snapshots (idx, chain, chunks, crc) VALUES (?, ?, ?, ?)"),
    dropRefused: prepare("DELETE FROM entries WHERE idx > ?"),
    setTerm: prepare("UPDATE meta SET term = ?"),
    dropChunks: prepare("DELETE FROM chunks WHERE idx = ?"),
    dropEntries: prepare(
      "DELETE FROM entries WHERE idx IN (SELECT idx FROM entries WHERE idx <= ? ORDER BY idx LIMIT ?)",
    ),
    dropOldChunks: prepare(
      "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE idx < ? LIMIT ?)",
    ),
    dropSnapshots: prepare("DELETE FROM snapshots WHERE idx < ?"),
  };
}

function heldFault(directory: string, holder: string): Fault {
  const pid = existsSync(holder) ? readFileSync(holder, "utf8").trim() : "unknown";
  return new Fault(
    "ADDRESS_IN_USE",
    `Cannot use the data directory ${directory}: process ${pid} uses it; stop that process or choose another directory`,
    { facts: { pid } },
  );
}
