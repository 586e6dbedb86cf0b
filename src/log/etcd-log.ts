import type { Clock } from "#base/clock.ts";
import type { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import { EtcdNames } from "#log/core/etcd-names.ts";
import type { Log, LogEntry, LogMeasures, LogReader, LogSnapshot } from "#log/core/log.ts";
import { type EtcdClient, EtcdError } from "#log/etcd-client.ts";
import { ETCD_LIMITS, type EtcdContext, type EtcdLimits } from "#log/etcd-context.ts";
import { closed, corrupt, EtcdHealth, unknownEnd } from "#log/etcd-faults.ts";
import { type Begun, beginLog, EtcdFeed } from "#log/etcd-feed.ts";
import { EtcdLeader } from "#log/etcd-leader.ts";
import { dropNeedless, saveSnapshot, seedLog } from "#log/etcd-snapshots.ts";
import { EtcdSpace } from "#log/etcd-space.ts";
import { EtcdWriter } from "#log/etcd-writer.ts";

const OPEN_AGAIN_MS = 500;
/** How often a snapshot that was saved is looked for, should no news come. */
const LOOK_AGAIN_MS = 1_000;

export interface EtcdLogOptions {
  /** Stays its opener's, to be closed after the log. */
  readonly client: EtcdClient;
  /** Of all keys of this log, such as `/keelson`. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What the log begins with, should it be empty. */
  readonly seed?: LogSnapshot;
  readonly limits?: Partial<EtcdLimits>;
  /** The quota of the etcd that is this server's own: it is compacted and made smaller as needed. Absent: somebody else's. */
  readonly quotaBytes?: number;
}

/**
 * The log of several servers, in a real etcd cluster: entries are put there under a prefix, some together, ordered by
 * etcd's revision, and read back by a watch on every server. An append is answered when its entry was read back:
 * then most servers have it on their disks.
 */
export class EtcdLog implements Log {
  readonly snapshot: LogSnapshot | undefined;
  readonly #context: EtcdContext;
  readonly #closing = new AbortController();
  readonly #failed = new AbortController();
  readonly #feed: EtcdFeed;
  readonly #writer: EtcdWriter;
  readonly #leader: EtcdLeader;
  readonly #space: EtcdSpace;
  /** Rung when something was read. */
  readonly #read = new Wake();
  #begun: readonly LogEntry[];
  #reader: LogReader | undefined;
  #running: Promise<unknown> = Promise.resolve();
  /** Why nothing is appended any more. */
  #failure: Fault | undefined;

  /**
   * Reads all that the log holds; waits for etcd until the signal aborts.
   * @throws {Fault} LOG_CORRUPT when that cannot be understood. Or the signal's reason.
   */
  static async open(options: EtcdLogOptions, signal: AbortSignal): Promise<EtcdLog> {
    const { client, clock, random, logger } = options;
    const context: EtcdContext = {
      client,
      clock,
      random,
      logger,
      names: new EtcdNames(options.prefix),
      health: new EtcdHealth(clock),
      limits: { ...ETCD_LIMITS, ...options.limits },
      quotaBytes: options.quotaBytes,
    };
    for (;;)
      try {
        if (options.seed) await seedLog(context, options.seed, signal);
        return new EtcdLog(context, await beginLog(context, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        if (!(error instanceof EtcdError)) throw corrupt(error);
        logger.warn({ err: error }, "etcd does not let the log be read; asking again");
        await clock.sleep(OPEN_AGAIN_MS, signal);
      }
  }

  private constructor(context: EtcdContext, begun: Begun) {
    const { signal } = this.#closing;
    this.#context = context;
    this.snapshot = begun.snapshot;
    this.#begun = begun.entries;
    this.#feed = new EtcdFeed(context, begun, {
      deliver: (entries, deliveries) => {
        if (entries.length > 0) this.#reader?.deliver(entries);
        for (const { batch, firstIndex } of deliveries) this.#writer.delivered(batch, firstIndex);
        this.#writer.hasRead();
        this.#read.ring();
      },
      replace: (snapshot) => {
        this.#writer.rejectAll(unknownEnd());
        this.#reader?.replace(snapshot);
      },
      fail: (fault) => {
        this.#fail(fault);
        this.#failed.abort(fault);
        this.#reader?.fail?.(fault);
      },
    });
    this.#writer = new EtcdWriter(context, () => this.#feed.order, signal);
    this.#leader = new EtcdLeader(context);
    this.#space = new EtcdSpace(context, {
      order: () => this.#feed.order,
      leads: () => this.leads,
    });
  }

  get term(): number {
    return this.#feed.raftTerm;
  }

  get snapshotIndex(): number {
    return this.#feed.order.pointer?.index ?? 0;
  }

  get measures(): LogMeasures {
    return this.#writer.measures;
  }

  get isCrowded(): boolean {
    return this.#space.isCrowded;
  }

  get leads(): boolean {
    return this.#failure === undefined && this.#leader.leads;
  }

  /** Aborts, with a Fault LOG_CORRUPT, when the log cannot be followed any more; not when it is closed. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get fault(): Fault | undefined {
    return this.#failure ?? this.#context.health.fault;
  }

  start(reader: LogReader): void {
    this.#reader = reader;
    const entries = this.#begun;
    this.#begun = [];
    if (entries.length > 0) reader.deliver(entries);
    const { signal } = this.#closing;
    this.#running = Promise.all(
      [this.#feed, this.#leader, this.#space].map((part) => part.run(signal)),
    );
  }

  append(data: string): Promise<number> {
    return this.#failure ? Promise.reject(this.#failure) : this.#writer.append(data);
  }

  async saveSnapshot(index: number, chunks: Iterable<string>): Promise<void> {
    const { signal } = this.#closing;
    const { order } = this.#feed;
    const before = order.pointerRevision;
    if (!(await saveSnapshot(this.#context, order, { index, chunks }, signal))) return;
    while (this.#feed.order.pointerRevision === before)
      await this.#read.wait(LOOK_AGAIN_MS, this.#context.clock, signal);
    try {
      await dropNeedless(this.#context, this.#feed.order, before, signal);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      const { logger } = this.#context;
      logger.warn({ err: error }, "could not drop what the snapshot made needless");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(closed());
    await this.#running;
    await this.#writer.ended();
  }

  #fail(fault: Fault): void {
    this.#failure ??= fault;
    this.#closing.abort(this.#failure);
    this.#writer.rejectAll(this.#failure);
  }
}
