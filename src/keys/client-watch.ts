import type { IncomingMessage } from "node:http";
import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { Reply, WatchOptions } from "#keys/keys.ts";
import { type Endpoints, unavailable } from "./client-endpoints.ts";
import { type Endpoint, ExchangeError, type HttpRequest, readBody } from "./client-exchange.ts";
import { errorOf, formOf, isServerTrouble, keyPath, parseEvent } from "./client-wire.ts";

/** A poll that ended without an event sooner than this was refused rather than waited out. */
const HASTY_MS = 1_000;
const RETRY = { baseMs: 50, maxMs: 2_000 };
/** Made once, for an abort without a reason makes an error each time. */
const READ = new Error("the poll was read");
/** A poll is renewed after this long, whatever the connection looks like. */
const POLL_MS = 10 * 60_000;

export interface WatchContext {
  readonly endpoints: Endpoints;
  readonly clock: Clock;
  readonly random: Random;
  readonly requestTimeoutMs: number;
  /** After this long without any answer from a server, it is asked whether it is there. */
  readonly idleMs: number;
  /** Asks for all events there are at once, `batch=true`. */
  readonly batch: boolean;
}

/**
 * Events, each with the store's index when its poll began. Long polls: the next one resumes from the index after the
 * last event, at the same server or another, so nothing is skipped or repeated. Keelson's server answers a poll
 * with all events there are when asked by `batch`, etcd with one. (A streamed answer of etcd's tells at most one event of the past and then nothing
 * more, so it cannot resume.)
 */
export async function* watchByPolling(
  context: WatchContext,
  key: string,
  { recursive = false, fromIndex }: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<Reply, void> {
  let hasty = 0;
  // To etcd, 0 is no index.
  for (let next = fromIndex === undefined ? undefined : Math.max(1, fromIndex); ; ) {
    const startedMs = context.clock.monotonicMs();
    const { message, endpoint, index } = await openPoll(context, key, { recursive, next }, signal);
    next ??= index + 1;
    const events = await readPoll(context, { message, endpoint }, signal);
    let told = false;
    for (const event of events) {
      if (event.node.modifiedIndex < next) continue;
      yield { event, etcdIndex: index };
      next = event.node.modifiedIndex + 1;
      told = true;
    }
    if (told) hasty = 0;
    else if (context.clock.monotonicMs() - startedMs < HASTY_MS) {
      await context.clock.sleep(backoffMs(hasty, RETRY, context.random), signal);
      hasty += 1;
    }
  }
}

/** Registers the watch with the first server that takes it; etcd sends the head of the answer at once. */
async function openPoll(
  { endpoints, clock, requestTimeoutMs, batch }: WatchContext,
  key: string,
  { recursive, next }: { readonly recursive: boolean; readonly next: number | undefined },
  signal: AbortSignal,
): Promise<{ message: IncomingMessage; endpoint: Endpoint; index: number }> {
  const fields = { recursive, wait: true, waitIndex: next ?? 0, batch: batch || undefined };
  const request: HttpRequest = { method: "GET", path: `${keyPath(key)}?${formOf(fields)}` };
  const failures: ExchangeError[] = [];
  let troubled: Fault | undefined;
  for (const endpoint of endpoints.order()) {
    try {
      const limit = { ms: requestTimeoutMs, clock, what: `watch ${key}`, signal };
      const { message, from } = await withDeadline(limit, (late) =>
        endpoints.open(endpoint, request, late),
      );
      const index = Number(message.headers["x-etcd-index"] ?? Number.NaN);
      if (message.statusCode === 200 && !Number.isNaN(index)) {
        endpoints.prefer(endpoint);
        return { message, endpoint: from, index };
      }
      const body = await readBody(from, message, signal);
      const status = message.statusCode ?? 0;
      const answer = { endpoint: from, status, headers: message.headers, body };
      const error = errorOf(answer);
      if (!isServerTrouble(answer)) throw error;
      if (error instanceof Fault) troubled ??= error;
      failures.push(new ExchangeError(from, true, error));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ExchangeError) failures.push(error);
      else if (error instanceof Fault && error.code === "TIMED_OUT")
        failures.push(new ExchangeError(endpoint, true, error));
      else throw error;
    }
  }
  // A server that says what ails it says more than those that are silent.
  if (troubled) throw troubled;
  throw unavailable(`watch ${key}`, failures);
}

/** The events that end the poll; none when the poll ended, or its server was lost, without one. */
async function readPoll(
  context: WatchContext,
  { message, endpoint }: { readonly message: IncomingMessage; readonly endpoint: Endpoint },
  signal: AbortSignal,
): Promise<readonly KeyEvent[]> {
  const poll = new AbortController();
  const limit = AbortSignal.any([poll.signal, signal]);
  const guarding = guard(context, endpoint, limit).catch((error: unknown) => error);
  void guarding.then((reason) => poll.abort(reason));
  try {
    const body = await readBody(endpoint, message, limit);
    return body.split("\n").filter(Boolean).map(parseEvent);
  } catch (error) {
    signal.throwIfAborted();
    if (!poll.signal.aborted && !(error instanceof ExchangeError)) throw error;
    return [];
  } finally {
    poll.abort(READ);
    await guarding;
  }
}

/** Resolves when the poll has lasted long enough or its server does not answer any more. */
async function guard(
  { endpoints, clock, random, idleMs }: WatchContext,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<void> {
  const endMs = clock.monotonicMs() + POLL_MS * (0.75 + 0.5 * random());
  while (clock.monotonicMs() < endMs) {
    await clock.sleep(idleMs * (0.75 + 0.5 * random()), signal);
    if (clock.monotonicMs() - endpoints.heardMs(endpoint) < idleMs / 2) continue;
    await endpoints.askOne(endpoint, { method: "GET", path: "/version" }, signal);
  }
}
