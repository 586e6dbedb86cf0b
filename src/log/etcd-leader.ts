import { backoffMs } from "#base/backoff.ts";
import { EtcdError, type EtcdLease } from "#log/etcd-client.ts";
import { type EtcdContext, RETRY } from "#log/etcd-context.ts";

/** Of the lease's time: how often it is kept alive. */
const KEEP_EVERY = 1 / 3;
const RETRY_KEEP_MS = 200;
/** Attempts that failed one after another, before it is said: about 2 s. */
const TELL_AFTER = 5;

/**
 * Elects one of the servers of a log: whose lease stands behind the leader's key. A lease counts from when it was asked
 * to be kept alive, by this machine's monotonic time: it ends here before it ends in etcd. Nothing is written while
 * nothing changes.
 */
export class EtcdLeader {
  readonly #context: EtcdContext;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(context: EtcdContext) {
    this.#context = context;
  }

  get leads(): boolean {
    return this.#context.clock.monotonicMs() < this.#untilMs;
  }

  /** Stands for election, again and again, until the signal aborts; then gives the lead up. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, health, logger } = this.#context;
    for (let failures = 0; !signal.aborted; )
      try {
        await this.#untilFree(signal);
        await this.#standAndLead(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof EtcdError)) throw error;
        if (error.isOutOfSpace) health.spaceIsUsedUp(true);
        if (failures === TELL_AFTER) logger.warn({ err: error }, "cannot stand for election");
        await clock.sleep(backoffMs(failures++, RETRY, random), signal).catch(() => {});
      }
  }

  /** Until nobody leads. */
  async #untilFree(signal: AbortSignal): Promise<void> {
    const { client, names } = this.#context;
    const key = names.leader;
    const { kvs, header } = await client.range({ key }, { signal });
    if (kvs.length === 0) return;
    for await (const answer of client.watch({ key, startRevision: header.revision + 1 }, signal))
      if (answer.kind === "events" && answer.events.at(-1)?.type === "delete") return;
  }

  async #standAndLead(signal: AbortSignal): Promise<void> {
    const { client, names, clock, limits } = this.#context;
    const askedMs = clock.monotonicMs();
    const lease = await client.grantLease(limits.leaseMs, { signal });
    try {
      const key = names.leader;
      const { succeeded } = await client.txn(
        {
          compare: [{ key, target: "createRevision", result: "equal", revision: 0 }],
          success: [{ op: "put", key, value: new Uint8Array(), lease: lease.id }],
        },
        { signal, timeoutMs: lease.ttlMs },
      );
      if (succeeded) await this.#lead(lease, askedMs, signal);
    } finally {
      this.#untilMs = Number.NEGATIVE_INFINITY;
      await this.#giveUp(lease);
    }
  }

  /** Until the lease is lost, or the signal aborts. */
  async #lead({ id, ttlMs }: EtcdLease, askedMs: number, signal: AbortSignal): Promise<void> {
    const { client, clock } = this.#context;
    this.#untilMs = askedMs + ttlMs;
    let waitMs = ttlMs * KEEP_EVERY;
    for (;;) {
      await clock.sleep(waitMs, signal);
      const sentMs = clock.monotonicMs();
      if (sentMs >= this.#untilMs) return;
      try {
        const timeoutMs = ttlMs * KEEP_EVERY;
        const keptMs = await client.keepLeaseAlive(id, { signal, timeoutMs });
        if (keptMs === 0) return;
        this.#untilMs = sentMs + keptMs;
        waitMs = ttlMs * KEEP_EVERY;
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        waitMs = RETRY_KEEP_MS;
      }
    }
  }

  /** So that another one leads at once; when etcd cannot be told, the lease runs out by itself. */
  async #giveUp({ id, ttlMs }: EtcdLease): Promise<void> {
    const { client } = this.#context;
    const options = { signal: new AbortController().signal, timeoutMs: ttlMs };
    await client.revokeLease(id, options).catch((error: unknown) => {
      if (!(error instanceof EtcdError)) throw error;
    });
  }
}
