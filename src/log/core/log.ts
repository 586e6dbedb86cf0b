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

/**
 * An ordered, durable log: it knows how to put entries in order and keep them safe, and nothing of what they mean.
 *
 * One writer here, or several servers over one engine: then an entry may be delivered between others' entries, and
 * may be delivered although its append rejected. Who appends puts an id into the entry and knows it again by that.
 */
export interface Log extends AsyncDisposable {
  /** The newest snapshot when the log was opened. */
  readonly snapshot: LogSnapshot | undefined;
  /** Which run of the log this is, or a cluster's election; it never falls. 2 for the first, as in etcd. */
  readonly term: number;

  /**
   * Begins delivery: at once what follows the snapshot, later every entry when it is durable, in order, each once,
   * in batches. `deliver` returns quickly and may append. To be called once, before the first append.
   */
  start(deliver: (entries: readonly LogEntry[]) => void): void;

  /**
   * Resolves with the entry's index once it is durable and delivered. `data` is well-formed Unicode.
   *
   * Rejects with a Fault: LOG_IO when it could not be kept. From then on every append rejects, until the log is opened
   * again; what was delivered stays true and no entry that was rejected this way ever appears.
   */
  append(data: string): Promise<number>;

  /**
   * Keeps a snapshot of the state at `index`, which was delivered, and drops the entries up to it; between chunks
   * other work goes on. Rejects with Fault LOG_IO; then the older snapshot and all entries are still there.
   */
  saveSnapshot(index: number, chunks: Iterable<string>): Promise<void>;
}
