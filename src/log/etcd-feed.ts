import { backoffMs } from "#base/backoff.ts";
import { Fault } from "#base/fault.ts";
import { EtcdOrder } from "#log/core/etcd-order.ts";
import type { LogEntry, LogSnapshot } from "#log/core/log.ts";
import { EtcdError, type EtcdWatchAnswer, prefixEnd } from "#log/etcd-client.ts";
import { type EtcdContext, RETRY } from "#log/etcd-context.ts";
import { corrupt, setBack } from "#log/etcd-faults.ts";
import { isCompacted, type Listing, listLog, loadSnapshot } from "#log/etcd-listing.ts";

/** A batch by its key, and what it came to. */
export interface Delivery {
  readonly batch: string;
  readonly firstIndex: number;
}

/** Who is told of what was read. Calls return quickly. */
export interface FeedReader {
  deliver(entries: readonly LogEntry[], deliveries: readonly Delivery[]): void;
  replace(snapshot: LogSnapshot): void;
  /** The log cannot be followed any further. */
  fail(fault: Fault): void;
}

/** What an opened log begins with. */
export interface Begun {
  readonly order: EtcdOrder;
  readonly snapshot: LogSnapshot | undefined;
  readonly entries: readonly LogEntry[];
  readonly raftTerm: number;
}

/**
 * Reads all that the log holds, at one revision.
 * @throws {EtcdError} when etcd does not answer. @throws {RangeError} when what it holds cannot be understood.
 */
export async function beginLog(context: EtcdContext, signal: AbortSignal): Promise<Begun> {
  for (;;)
    try {
      return await beginFrom(context, await listLog(context, signal), signal);
    } catch (error) {
      if (!isCompacted(error)) throw error; // a newer snapshot was saved meanwhile
    }
}

async function beginFrom(
  context: EtcdContext,
  listing: Listing,
  signal: AbortSignal,
): Promise<Begun> {
  const { pointer, pointerRevision, revision, raftTerm } = listing;
  const snapshot = pointer && (await loadSnapshot(context, pointer, { revision, signal }));
  const order = new EtcdOrder(context.names, pointer, pointerRevision);
  return { order, snapshot, entries: takeAll(order, listing).entries, raftTerm };
}

function takeAll(order: EtcdOrder, { puts, revision }: Pick<Listing, "puts" | "revision">) {
  const entries: LogEntry[] = [];
  const deliveries: Delivery[] = [];
  for (const put of puts) {
    const taken = order.take(put);
    if (taken.kind !== "batch") continue;
    deliveries.push({ batch: taken.batch, firstIndex: order.index - taken.entries.length + 1 });
    for (const entry of taken.entries) entries.push(entry);
  }
  order.passed(revision);
  return { entries, deliveries };
}

/** Follows the log: every entry once and in order, whatever becomes of the connection and of etcd's history. */
export class EtcdFeed {
  readonly #context: EtcdContext;
  readonly #reader: FeedReader;
  #order: EtcdOrder;
  #raftTerm: number;

  constructor(context: EtcdContext, begun: Begun, reader: FeedReader) {
    this.#context = context;
    this.#order = begun.order;
    this.#raftTerm = begun.raftTerm;
    this.#reader = reader;
  }

  /** Another one after a jump. */
  get order(): EtcdOrder {
    return this.#order;
  }

  get raftTerm(): number {
    return this.#raftTerm;
  }

  /** Until the signal aborts, or the log turns out to be damaged. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, health } = this.#context;
    for (let failures = 0; !signal.aborted; )
      try {
        await this.#checkStanding(signal);
        for await (const answer of this.#watch(signal)) {
          failures = 0;
          health.answered();
          if (answer.kind === "compacted") await this.#catchUp(signal);
          else this.#take(answer);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof EtcdError)) {
          this.#reader.fail(error instanceof Fault ? error : corrupt(error));
          return;
        }
        health.failed(error.message);
        await clock.sleep(backoffMs(failures++, RETRY, random), signal).catch(() => {});
      }
  }

  /**
   * A watch passes over revisions that etcd does not have yet: an etcd that was set back would be followed in silence.
   * @throws {Fault} LOG_CORRUPT
   */
  async #checkStanding(signal: AbortSignal): Promise<void> {
    const { client, names } = this.#context;
    const { lastBatch } = this.#order;
    const keys = [names.snapshot, ...(lastBatch ? [lastBatch.key] : [])];
    const success = keys.map((key) => ({ op: "range", key, keysOnly: true }) as const);
    const { header, ranges } = await client.txn({ compare: [], success }, { signal });
    const [pointerRevision = 0, lastBatchRevision = 0] = ranges.map(([kv]) => kv?.modRevision ?? 0);
    const { revision } = header;
    const how = this.#order.contradiction({ revision, pointerRevision, lastBatchRevision });
    if (how !== undefined) throw setBack(how);
  }

  #watch(signal: AbortSignal): AsyncIterable<EtcdWatchAnswer> {
    const { client, names } = this.#context;
    const startRevision = this.#order.revision + 1;
    const key = names.log;
    return client.watch({ key, end: prefixEnd(key), startRevision, putsOnly: true }, signal);
  }

  #take(answer: Exclude<EtcdWatchAnswer, { kind: "compacted" }>): void {
    this.#raftTerm = Math.max(this.#raftTerm, answer.header.raftTerm);
    if (answer.kind === "created") return;
    const puts = answer.events.map(({ kv: { key, value, modRevision } }) => ({
      key,
      value,
      revision: modRevision,
    }));
    this.#deliver({ puts, revision: this.#order.revision });
  }

  #deliver(read: Pick<Listing, "puts" | "revision">): void {
    const { entries, deliveries } = takeAll(this.#order, read);
    this.#reader.deliver(entries, deliveries);
  }

  /** After etcd forgot what was not yet read: what is new is listed, or stands in the snapshot. */
  async #catchUp(signal: AbortSignal): Promise<void> {
    const listing = await listLog(this.#context, signal);
    const { pointer, revision } = listing;
    if (pointer === undefined || pointer.index <= this.#order.index) {
      this.#deliver(listing);
      return;
    }
    const { order, snapshot, entries } = await beginFrom(this.#context, listing, signal);
    if (snapshot === undefined) return;
    this.#order = order;
    this.#context.logger.info(
      { index: snapshot.index, revision },
      "fell behind the snapshot: took it over",
    );
    this.#reader.replace(snapshot);
    this.#reader.deliver(entries, []);
  }
}
