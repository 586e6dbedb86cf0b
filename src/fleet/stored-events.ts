import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import type { Keys } from "#keys/keys.ts";
import { writeEvents } from "./core/event-record.ts";
import type { EventToTell, FleetEvent } from "./core/fleet-event.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { EventLog } from "./event-log.ts";
import { isKeysError } from "./registry.ts";

export interface StoredEventsOptions {
  readonly keys: Keys;
  readonly directory: string;
  readonly me: MachineId;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Events told within this time share a key. */
const GATHER_MS = 50;
const BATCH_MAX = 100;
/** Events that wait while the store is away. */
const QUEUE_MAX = 2_000;
/** No text of an event is longer; the longest batch is so far below what stores take. */
const TEXT_MAX = 500;
const TTL_SECONDS = 7 * 24 * 3600;
/** So many keys are kept; each daemon looks after so many of its own whether there are more. */
export const EVENT_KEYS_MAX = 5_000;
const TRIM_EVERY = 200;
const RETRY = { baseMs: 200, maxMs: 10_000 };
const LAST_MS = 1_000;
const IDLE_MS = 3_600_000;

/**
 * Events in the store, for a week. Telling only queues: a batch is written a moment later, again and again until it is
 * there, and once however often it is tried. Nothing is written while nothing is told.
 */
export class StoredEvents implements EventLog {
  readonly #options: StoredEventsOptions;
  readonly #wake = new Wake();
  #queue: FleetEvent[] = [];
  #dropped = 0;
  #written = 0;

  constructor(options: StoredEventsOptions) {
    this.#options = options;
  }

  /** Events that were told and had no room, since the store was away. */
  get dropped(): number {
    return this.#dropped;
  }

  tell(event: EventToTell): void {
    const { clock, logger } = this.#options;
    logger.info({ ...event }, "event");
    if (this.#queue.length >= QUEUE_MAX) {
      this.#dropped += 1;
      return;
    }
    const short = Object.entries(event).map(([key, text]) => [key, text?.slice(0, TEXT_MAX)]);
    this.#queue.push({ at: clock.now().toISOString(), ...Object.fromEntries(short) } as FleetEvent);
    this.#wake.ring();
  }

  /** Writes what is told until aborted, and then once more what is left. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    try {
      for (;;) {
        if (this.#queue.length === 0) await this.#wake.wait(IDLE_MS, clock, signal);
        await clock.sleep(GATHER_MS, signal);
        while (this.#queue.length > 0) await this.#writeBatch(signal);
      }
    } finally {
      await this.#writeLast();
    }
  }

  async #writeBatch(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#options;
    const batch = this.#queue.slice(0, BATCH_MAX);
    const key = this.#keyFor(batch);
    for (let failures = 0; ; failures++)
      try {
        await this.#write(key, batch, signal);
        break;
      } catch (error) {
        if (signal.aborted) throw error;
        if (isKeysError(error, 105)) break; // an earlier attempt came through after all
        if (failures === 0) logger.debug({ reason: reasonOf(error) }, "cannot keep events yet");
        await clock.sleep(backoffMs(failures, RETRY, random), signal);
      }
    this.#queue = this.#queue.slice(batch.length);
    this.#written += 1;
    if (this.#written % TRIM_EVERY === 0)
      await this.#trim(signal).catch((error: unknown) => {
        if (signal.aborted) throw error;
        logger.debug({ reason: reasonOf(error) }, "could not trim events");
      });
  }

  /** Says when and by whom, and is used once: the first event's time, the machine, and how many came before. */
  #keyFor([first]: readonly FleetEvent[]): string {
    const { directory, me } = this.#options;
    return `${directory}/${first?.at ?? ""}-${me}-${this.#written}`;
  }

  async #write(key: string, batch: readonly FleetEvent[], signal: AbortSignal): Promise<void> {
    const options = { ttlSeconds: TTL_SECONDS, prevExist: false };
    await this.#options.keys.set(key, writeEvents(batch), options, signal);
  }

  async #trim(signal: AbortSignal): Promise<void> {
    const { keys, directory } = this.#options;
    const { event } = await keys.get(directory, { recursive: true }, signal);
    const nodes = [...(event.node.nodes ?? [])].sort((a, b) => a.createdIndex - b.createdIndex);
    for (const { key } of nodes.slice(0, Math.max(0, nodes.length - EVENT_KEYS_MAX)))
      await keys.delete(key, {}, signal).catch((error: unknown) => {
        if (!isKeysError(error, 100)) throw error;
      });
  }

  async #writeLast(): Promise<void> {
    const batch = this.#queue.slice(0, BATCH_MAX);
    if (batch.length === 0) return;
    const { clock, logger } = this.#options;
    const limit = {
      ms: LAST_MS,
      clock,
      what: "keep the last events",
      signal: new AbortController().signal,
    };
    await withDeadline(limit, (stop) => this.#write(this.#keyFor(batch), batch, stop)).catch(
      (error: unknown) => logger.debug({ reason: reasonOf(error) }, "lost the last events"),
    );
  }
}
