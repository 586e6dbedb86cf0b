import type { Fault } from "#base/fault.ts";
import type { Histogram } from "#base/prometheus.ts";

/** One thing that happened, at its place in the order. */
export interface LogEntry {
  /** 1 for the first, each next one more. */
  readonly index: number;
  readonly data: string;
}

/** What entries up to and with `index` amount to. */
export interface LogSnapshot {
  readonly index: number;
  /** The state in pieces, as they were saved. */
  readonly chunks: readonly string[];
}

/** Who follows a log. Every call returns quickly; all but `fail` may append. */
export interface LogReader {
  /** What came next, in order, each entry once. */
  deliver(entries: readonly LogEntry[]): void;
  /**
   * Entries that were not delivered yet are cut off behind `snapshot`: the reader's state shall be that one, and
   * delivery goes on after its index. Only a log of several servers does this, to a server that fell far behind.
   */
  replace(snapshot: LogSnapshot): void;
  /** What comes next cannot be understood: nothing is delivered any more, and nothing appended. */
  fail?(fault: Fault): void;
}

/** How entries became durable since the log was opened. */
export interface LogMeasures {
  /** Whether this machine's disk is what was waited for; else it is a cluster. */
  readonly isOnDisk: boolean;
  /** What one commit of a batch took. */
  readonly commitSeconds: Histogram;
  /** How many entries a batch had. */
  readonly batchEntries: Histogram;
}

/**
 * An ordered, durable log: it knows how to put entries in order and keep them safe, and nothing of what they mean.
 *
 * One writer here, or several servers over one engine: then an entry may be delivered between others' entries, and
 * may be delivered although its append rejected. Who appends puts an id into the entry and knows it again by that.
 */
export interface Log extends AsyncDisposable {
  /** The newest snapshot when the log was opened. */
  readonly snapshot: LogSnapshot | undefined;
  /** Index of the newest snapshot, whoever saved it; 0 when there is none. */
  readonly snapshotIndex: number;
  /** Which run of the log this is, or a cluster's election; it never falls. 2 for the first, as in etcd. */
  readonly term: number;
  /**
   * Whether this server is the one that proposes time's passing and saves snapshots. While leadership changes it may be
   * none or two for a moment: both are harmless.
   */
  readonly leads: boolean;
  /** Why appends fail at the moment; undefined when they do not. */
  readonly fault: Fault | undefined;
  /** Whether a snapshot should be saved before it is due, for room becomes scarce. */
  readonly isCrowded?: boolean;
  /** Logs that wait for nothing have none. */
  readonly measures?: LogMeasures | undefined;

  /**
   * Begins delivery: at once what follows the snapshot, later every entry when it is durable. To be called once, before
   * the first append.
   */
  start(reader: LogReader): void;

  /**
   * Resolves with the entry's index once it is durable and delivered. `data` is well-formed Unicode.
   *
   * Rejects with a Fault: LOG_IO when it could not be kept. From then on every append rejects, until the log is opened
   * again, or the disk that was full has space; what was delivered stays true and no entry that was rejected this way ever appears. STORE_UNAVAILABLE when
   * the engine did not answer in time: then the entry may yet appear, and later appends may succeed.
   */
  append(data: string): Promise<number>;

  /**
   * Keeps a snapshot of the state at `index`, which was delivered, and drops the entries up to it; between chunks
   * other work goes on. Rejects with Fault LOG_IO; then the older snapshot and all entries are still there.
   */
  saveSnapshot(index: number, chunks: Iterable<string>): Promise<void>;
}
