import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import type { KeyNode } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys } from "#keys/keys.ts";
import { type EventFilter, isWanted, readEvents } from "./core/event-record.ts";
import type { FleetEvent } from "./core/fleet-event.ts";
import { isKeysError } from "./registry.ts";

export interface EventPage {
  /** In the order in which they came to the store. */
  readonly events: readonly FleetEvent[];
  /** The position behind them, to go on from. */
  readonly next: number;
}

export interface EventQuery extends EventFilter {
  /** Events that came to the store at or after this position; undefined for all that are kept. */
  readonly from: number | undefined;
  /** How long to wait for an event when there is none. */
  readonly waitMs: number;
}

/** What happened in the cluster, as all its daemons told it. */
export class EventHistory {
  readonly #keys: Keys;
  readonly #directory: string;
  readonly #clock: Clock;

  constructor(keys: Keys, directory: string, clock: Clock) {
    this.#keys = keys;
    this.#directory = directory;
    this.#clock = clock;
  }

  /** Rejects as `Keys` does. */
  async read(query: EventQuery, signal: AbortSignal): Promise<EventPage> {
    const { nodes, index } = await this.#list(signal);
    const from = query.from ?? 0;
    const events = nodes
      .filter(({ createdIndex }) => createdIndex >= from)
      .flatMap((node) => eventsOf(node, query));
    const next = index + 1;
    if (events.length > 0 || query.waitMs === 0) return { events, next };
    return this.#wait(query, next, signal);
  }

  async #list(signal: AbortSignal): Promise<{ nodes: readonly KeyNode[]; index: number }> {
    try {
      const { event, etcdIndex } = await this.#keys.get(
        this.#directory,
        { recursive: true },
        signal,
      );
      const nodes = [...(event.node.nodes ?? [])].sort((a, b) => a.createdIndex - b.createdIndex);
      return { nodes, index: etcdIndex };
    } catch (error) {
      if (error instanceof KeysError && error.code === 100)
        return { nodes: [], index: error.index };
      throw error;
    }
  }

  async #wait(query: EventQuery, next: number, signal: AbortSignal): Promise<EventPage> {
    const limit = { ms: query.waitMs, clock: this.#clock, what: "see an event", signal };
    let from = next;
    try {
      return await withDeadline(limit, async (stop) => {
        const options = { recursive: true, fromIndex: next };
        for await (const { node } of this.#keys.watch(this.#directory, options, stop)) {
          from = node.modifiedIndex + 1;
          const events = eventsOf(node, query);
          if (events.length > 0) return { events, next: from };
        }
        stop.throwIfAborted();
        return { events: [], next: from };
      });
    } catch (error) {
      // Nothing came, or the store's history no longer reaches back: the next question lists again.
      const isOver = error instanceof Fault && error.code === "TIMED_OUT";
      if (isOver || isKeysError(error, 401)) return { events: [], next: from };
      throw error;
    }
  }
}

/** A value that cannot be read, and a key that went, tell nothing. */
function eventsOf({ value }: KeyNode, filter: EventFilter): FleetEvent[] {
  const parsed = value === undefined ? undefined : readEvents(value);
  if (parsed === undefined || "problem" in parsed) return [];
  return parsed.value.filter((event) => isWanted(event, filter));
}
