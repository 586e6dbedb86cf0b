import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { isErrno, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import {
  type Connections,
  type Endpoint,
  ExchangeError,
  parseEndpoint,
  readBody,
} from "./client-exchange.ts";

// etcd's defaults: proxy-refresh-interval, proxy-failure-wait, proxy-dial-timeout.
const REFRESH_MS = 30_000;
const FAILURE_WAIT_MS = 5_000;
export const DIAL_TIMEOUT_MS = 1_000;
/** While no endpoint is known, and how long a peer may take. */
const REFRESH_EMPTY_MS = 1_000;
const PEER_TIMEOUT_MS = 5_000;
/** Machines start together: for so long after its own start a proxy expects that peers have yet to start. */
const STARTING_MS = 10_000;
/** How long a request waits for the first peer then; etcdctl gives a server 2 s. */
const HOLD_MS = 1_500;

export interface ProxyContext {
  readonly connections: Connections;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told the peer URLs of the members when they are others than before. */
  readonly onPeers: (peers: readonly string[]) => Promise<void>;
}

/** What a peer tells of the members. */
interface Told {
  readonly endpoints: readonly Endpoint[];
  readonly peers: readonly string[];
}

/** Where a proxy may send requests: the client URLs of the members, as a peer tells them. */
export class ProxyEndpoints {
  #peers: readonly Endpoint[];
  readonly #context: ProxyContext;
  readonly #startMs: number;
  /** Aborts with the first answer of a peer. */
  readonly #met = new AbortController();
  /** What was last said of a peer that does not answer. */
  readonly #complaints = new Map<string, string>();
  #known: readonly Endpoint[] = [];
  readonly #unavailableUntilMs = new Map<string, number>();

  constructor(peers: readonly string[], context: ProxyContext) {
    this.#peers = peers.map(parseEndpoint);
    this.#context = context;
    this.#startMs = context.clock.monotonicMs();
  }

  /** For a request that comes while the cluster starts: until a peer has ever answered, but not for long. */
  async holdForFirst(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const ms = Math.min(HOLD_MS, this.#startMs + STARTING_MS - clock.monotonicMs());
    if (this.#met.signal.aborted || ms <= 0) return;
    await clock
      .sleep(ms, AbortSignal.any([this.#met.signal, signal]))
      .catch(() => signal.throwIfAborted());
  }

  /** Those that did not fail lately. */
  available(): Endpoint[] {
    const nowMs = this.#context.clock.monotonicMs();
    return this.#known.filter(({ text }) => nowMs >= (this.#unavailableUntilMs.get(text) ?? 0));
  }

  markFailed(endpoint: Endpoint, error: unknown): void {
    const { clock, logger } = this.#context;
    this.#unavailableUntilMs.set(endpoint.text, clock.monotonicMs() + FAILURE_WAIT_MS);
    logger.warn({ endpoint: endpoint.text, reason: reasonOf(error) }, "endpoint does not answer");
  }

  /** Asks for the members now and then until aborted; often while none is known. */
  async refresh(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const found = await this.#askPeers(signal);
      if (found !== undefined) await this.#learn(found);
      const waitMs = this.#known.length === 0 ? REFRESH_EMPTY_MS : REFRESH_MS;
      await this.#context.clock.sleep(waitMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    }
  }

  async #learn({ endpoints: found, peers }: Told): Promise<void> {
    const names = found.map(({ text }) => text);
    const before = this.#known.map(({ text }) => text);
    if (names.join() !== before.join())
      this.#context.logger.info({ endpoints: names }, "endpoints found");
    this.#known = found;
    this.#met.abort();
    for (const text of this.#unavailableUntilMs.keys())
      if (!names.includes(text)) this.#unavailableUntilMs.delete(text);
    const isNews = peers.join() !== this.#peers.map(({ text }) => text).join();
    if (peers.length === 0 || !isNews) return;
    this.#peers = peers.map(parseEndpoint);
    await this.#context.onPeers(peers);
  }

  /** What the first answering peer tells; nothing when no peer does, so the known ones stay. */
  async #askPeers(signal: AbortSignal): Promise<Told | undefined> {
    const { clock, connections } = this.#context;
    for (const peer of this.#peers) {
      const limit = {
        ms: PEER_TIMEOUT_MS,
        clock,
        what: `ask ${peer.text} for its members`,
        signal,
      };
      try {
        const body = await withDeadline(limit, async (late) => {
          const request = { method: "GET", path: "/members" };
          const limits = { connectTimeoutMs: DIAL_TIMEOUT_MS, clock };
          const message = await connections.send(peer, request, limits, late);
          return readBody(peer, message, late);
        });
        const told = parseMembers(body);
        this.#complaints.delete(peer.text);
        return told;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#complain(peer, error);
      }
    }
    return undefined;
  }

  /** Once for each reason; not of a peer that has yet to start, as this proxy just did. */
  #complain(peer: Endpoint, error: unknown): void {
    const { clock, logger } = this.#context;
    const reason = reasonOf(error);
    const cause = error instanceof ExchangeError ? error.cause : error;
    const isStarting = clock.monotonicMs() - this.#startMs < STARTING_MS;
    const isKnown = this.#complaints.get(peer.text) === reason;
    const level = isKnown || (isStarting && isErrno(cause, "ECONNREFUSED")) ? "debug" : "warn";
    if (level === "warn") this.#complaints.set(peer.text, reason);
    logger[level]({ peer: peer.text, reason }, "peer does not tell its members");
  }
}

/** @throws when it is not what etcd's peer port answers to `GET /members`, or names no client URL. */
function parseMembers(body: string): Told {
  const members: unknown = JSON.parse(body);
  const urlsOf = (field: string) =>
    Array.isArray(members) ? members.flatMap((member) => urlsIn(member, field)) : [];
  const urls = urlsOf("clientURLs");
  if (urls.length === 0) throw new Error("the answer names no client URL");
  return { endpoints: urls.map(parseEndpoint), peers: urlsOf("peerURLs").toSorted() };
}

/** A member that has not started yet has no client URLs. */
function urlsIn(member: unknown, field: string): string[] {
  if (typeof member !== "object" || member === null || !(field in member)) return [];
  const urls = (member as Record<string, unknown>)[field];
  return Array.isArray(urls) ? urls.filter((url) => typeof url === "string") : [];
}
