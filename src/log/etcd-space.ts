import { Fault } from "#base/fault.ts";
import type { EtcdOrder } from "#log/core/etcd-order.ts";
import { EtcdError, type EtcdStatus } from "#log/etcd-client.ts";
import type { EtcdContext } from "#log/etcd-context.ts";
import { dropNeedless } from "#log/etcd-snapshots.ts";

/** Etcd's own default, of an etcd whose quota is not known. */
const QUOTA_DEFAULT_BYTES = 2 * 1024 ** 3;
/** Of the quota, in use: then a snapshot does good, which lets entries be dropped. */
const CROWDED_SHARE = 0.5;
/** Of what was in use after the last snapshot: a large store is not saved over and over. */
const GROWN_BY = 1.25;
/** Of the quota, on the disk, and of that what is in use: then the file is made smaller, for etcd counts the file. */
const LARGE_SHARE = 0.5;
const LOOSE_SHARE = 0.5;
/** Of the quota: what a file is below when writes may go on. */
const ROOM_SHARE = 0.9;
/** Etcd does nothing else while it defragments; about 1 s for each 100 MB in use. */
const DEFRAGMENT_MS = 300_000;

/** What an EtcdSpace has to know of the log. */
export interface SpaceLog {
  readonly order: () => EtcdOrder;
  readonly leads: () => boolean;
}

/**
 * Looks after the space that etcd has: beyond its quota it raises an alarm and takes nothing that adds, until somebody
 * has made room and disarms it. The file of the member that is this server's own is made smaller, and its alarm disarmed.
 */
export class EtcdSpace {
  readonly #context: EtcdContext;
  readonly #log: SpaceLog;
  #isTold = false;
  #pointerRevision = -1;
  /** The least that was in use since the newest snapshot. */
  #floorBytes = 0;
  #isCrowded = false;

  constructor(context: EtcdContext, log: SpaceLog) {
    this.#context = context;
    this.#log = log;
  }

  /** Whether a snapshot should be saved soon, for it makes room. */
  get isCrowded(): boolean {
    return this.#isCrowded;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#context;
    while (!signal.aborted)
      try {
        await clock.sleep(limits.spaceLookMs, signal);
        await this.#look(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof EtcdError || error instanceof Fault)) throw error;
        this.#context.logger.debug({ err: error }, "could not look after etcd's space");
      }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client, health, logger, quotaBytes } = this.#context;
    const status = await client.status({ signal });
    const isFull = status.spaceAlarms.length > 0;
    health.spaceIsUsedUp(isFull);
    this.#measure(status);
    if (isFull && !this.#isTold)
      logger.error(
        {
          members: status.spaceAlarms,
          sizeBytes: status.dbSizeBytes,
          inUseBytes: status.dbInUseBytes,
        },
        "the space of etcd is used up: writes are refused until there is room",
      );
    if (!isFull && this.#isTold) logger.info("etcd has space again");
    this.#isTold = isFull;
    if (isFull && (await this.#isMine(signal))) await this.#drop(signal);
    if (quotaBytes !== undefined) await this.#tend(status, quotaBytes, signal);
  }

  #measure({ dbInUseBytes }: EtcdStatus): void {
    const { pointerRevision } = this.#log.order();
    const isNew = pointerRevision !== this.#pointerRevision;
    this.#pointerRevision = pointerRevision;
    this.#floorBytes = isNew ? dbInUseBytes : Math.min(this.#floorBytes, dbInUseBytes);
    const limitBytes = CROWDED_SHARE * (this.#context.quotaBytes ?? QUOTA_DEFAULT_BYTES);
    this.#isCrowded = dbInUseBytes > limitBytes && dbInUseBytes > GROWN_BY * this.#floorBytes;
  }

  /** The leader drops; or everybody when there is none, since none can be elected without space. */
  async #isMine(signal: AbortSignal): Promise<boolean> {
    const { client, names } = this.#context;
    if (this.#log.leads()) return true;
    return (await client.range({ key: names.leader }, { signal })).kvs.length === 0;
  }

  /** All that may go, without leaving slower servers time to read it: they take over the snapshot. */
  async #drop(signal: AbortSignal): Promise<void> {
    const order = this.#log.order();
    await dropNeedless(this.#context, order, order.revision, signal);
  }

  async #tend(seen: EtcdStatus, quotaBytes: number, signal: AbortSignal): Promise<void> {
    const { client, logger } = this.#context;
    const id = seen.header.memberId;
    const isFull = seen.spaceAlarms.includes(id);
    let { dbSizeBytes } = seen;
    const now = isFull ? await client.status({ signal }) : seen; // something was dropped
    if (isLoose(now, quotaBytes, isFull)) {
      await client.defragment({ signal, timeoutMs: DEFRAGMENT_MS });
      const beforeBytes = dbSizeBytes;
      ({ dbSizeBytes } = await client.status({ signal }));
      logger.info({ beforeBytes, sizeBytes: dbSizeBytes }, "made etcd's file smaller");
    }
    if (!isFull || dbSizeBytes > ROOM_SHARE * quotaBytes) return;
    await client.disarmSpace(id, { signal });
    logger.info({ id, sizeBytes: dbSizeBytes }, "disarmed etcd's alarm: there is room again");
  }
}

/** Whether the file is worth to be made smaller. */
function isLoose({ dbSizeBytes, dbInUseBytes }: EtcdStatus, quotaBytes: number, isFull: boolean) {
  if (isFull)
    return dbSizeBytes > ROOM_SHARE * quotaBytes && dbInUseBytes < ROOM_SHARE * dbSizeBytes;
  return dbSizeBytes > LARGE_SHARE * quotaBytes && dbInUseBytes < LOOSE_SHARE * dbSizeBytes;
}
