import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import { IGNORED, type OnBite } from "./simulated-bite.ts";

/** One direction of a link. */
export interface Way {
  /** Nothing gets through. */
  isBlocked: boolean;
  /** The share of messages that are lost, from 0 to 1. */
  loss: number;
  /** How long a message takes at least, and at most. */
  delayMs: readonly [least: number, most: number];
  /** The share of requests that come twice, from 0 to 1, the second one with a delay of its own. */
  twice: number;
}

/** What stands at the other end: the server of the store that runs now, if one does. */
export interface StoreEnd {
  readonly keys: Keys | undefined;
  readonly etcdIndex: number;
}

export interface LinkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: StoreEnd;
  /** After this long without an answer a request fails; default 5 s, as of the client over HTTP. */
  readonly requestTimeoutMs?: number;
  /** After about this long without an event a watch asks whether the server is there; default 20 s. */
  readonly idleMs?: number;
  readonly onBite?: OnBite;
}

const CLOSED = new Error("the connection was closed");
const DONE = new Error("answered in time");
const NEVER = new AbortController().signal;
/** How soon a connection tries again what did not get through. */
const RESEND_MS = 200;
/** A message that takes longer is worth counting. */
const LATE_MS = 200;
/** How soon a watch whose server went begins again. */
const REWATCH_MS = 50;

/**
 * A client's way to the store over a network that can be slow, lose messages and be cut, each direction by itself.
 * A request or an answer that is lost costs the client its time limit; the server may have done what was asked. A
 * watch over a dead link is silent until the client finds that nobody answers, and resumes when somebody does.
 */
export class SimulatedLink implements Keys {
  readonly out: Way = { isBlocked: false, loss: 0, delayMs: [0, 0], twice: 0 };
  readonly back: Way = { isBlocked: false, loss: 0, delayMs: [0, 0], twice: 0 };
  /** Only the way to the store is cut: who uses the same network for something else gets through. */
  isStoreAway = false;
  readonly #options: LinkOptions;

  readonly #onBite: OnBite;
  readonly #connections = new Set<Connection>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#onBite = options.onBite ?? IGNORED;
  }

  cut(): void {
    this.out.isBlocked = this.back.isBlocked = true;
  }

  mend(): void {
    this.out.isBlocked = this.back.isBlocked = this.isStoreAway = false;
  }

  /** Breaks all connections that are open. */
  reset(): void {
    for (const connection of this.#connections) connection.close();
  }

  get(...[key, options, signal]: Parameters<Keys["get"]>): Promise<Reply> {
    return this.#request(signal, (keys) => keys.get(key, options, NEVER));
  }

  set(...[key, value, options, signal]: Parameters<Keys["set"]>): Promise<Reply> {
    return this.#request(signal, (keys) => keys.set(key, value, options, NEVER));
  }

  createInOrder(...[dir, value, options, signal]: Parameters<Keys["createInOrder"]>) {
    return this.#ask(signal, (keys) => keys.createInOrder(dir, value, options, NEVER));
  }

  delete(...[key, options, signal]: Parameters<Keys["delete"]>): Promise<Reply> {
    return this.#request(signal, (keys) => keys.delete(key, options, NEVER));
  }

  async *watch(...[key, options, signal]: Parameters<Keys["watch"]>): AsyncGenerator<KeyEvent> {
    const { clock } = this.#options;
    for (let next = options.fromIndex; ; ) {
      const connection = new Connection();
      const ended = AbortSignal.any([signal, connection.broken]);
      const { events, from } = await this.#ask(signal, async (keys) =>
        connection.register(keys, key, { ...options, ...(next && { fromIndex: next }) }, () => {
          return this.#options.store.etcdIndex + 1;
        }),
      );
      next ??= from;
      this.#connections.add(connection);
      void this.#guard(connection, ended);
      try {
        for (;;) {
          const event = await connection.next(events, ended);
          if (event === undefined || !(await this.#arrives(ended))) break;
          connection.heardMs = clock.monotonicMs();
          yield event;
          next = event.node.modifiedIndex + 1;
        }
      } finally {
        connection.close();
        this.#connections.delete(connection);
      }
      signal.throwIfAborted();
      await clock.sleep(REWATCH_MS, signal);
    }
  }

  /** Breaks a connection over which nothing came for a while and whose server does not answer. */
  async #guard(connection: Connection, signal: AbortSignal): Promise<void> {
    const { clock, random, idleMs = 20_000 } = this.#options;
    connection.heardMs = clock.monotonicMs();
    try {
      for (;;) {
        await clock.sleep(idleMs * (0.75 + 0.5 * random()), signal);
        if (clock.monotonicMs() - connection.heardMs < idleMs / 2) continue;
        await this.#ask(signal, async () => undefined);
      }
    } catch {
      connection.close();
    }
  }

  /** A request that may come twice. */
  #request<T>(signal: AbortSignal, serve: (keys: Keys) => Promise<T>): Promise<T> {
    if (this.out.twice > 0 && this.#options.random() < this.out.twice) void this.#again(serve);
    return this.#ask(signal, serve);
  }

  /** Nobody waits for the second answer. */
  async #again<T>(serve: (keys: Keys) => Promise<T>): Promise<void> {
    await this.#passes(this.out, NEVER);
    const { keys } = this.#options.store;
    if (keys === undefined) return;
    this.#onBite("request served twice");
    await serve(keys).catch(() => {});
  }

  /** Sends a request on its way, which goes on without the client, and waits for the answer. */
  async #ask<T>(signal: AbortSignal, serve: (keys: Keys) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const { clock, requestTimeoutMs = 5_000 } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const done = new AbortController();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#travel(serve).then((answer) => answer !== undefined && resolve(answer.value), reject);
    clock.sleep(requestTimeoutMs, done.signal).then(
      () => reject(unavailable(`no answer within ${requestTimeoutMs} ms`)),
      () => {}, // answered in time
    );
    try {
      return await promise;
    } finally {
      done.abort(DONE);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Undefined when nobody will ever hear of it. */
  async #travel<T>(serve: (keys: Keys) => Promise<T>): Promise<{ readonly value: T } | undefined> {
    const { store } = this.#options;
    if (!(await this.#passes(this.out, NEVER))) return undefined;
    const { keys } = store;
    if (keys === undefined) this.#onBite("store away");
    const [answer] = await Promise.allSettled([
      keys === undefined ? Promise.reject(unavailable("nothing listens there")) : serve(keys),
    ]);
    // A server that ended meanwhile answers nothing, whatever it did.
    const isReset = keys !== undefined && keys !== store.keys;
    if (!(await this.#passes(this.back, NEVER))) return undefined;
    if (isReset) {
      this.#onBite("reset by the store");
      throw unavailable("the connection was reset");
    }
    if (answer.status === "rejected") throw answer.reason;
    return { value: answer.value };
  }

  async #passes(way: Way, signal: AbortSignal): Promise<boolean> {
    return (await this.crosses(way, signal)) && !this.isStoreAway;
  }

  /** Whether a message gets through the network, be it to the store or to another machine, once it had the time to. */
  async crosses(way: Way, signal: AbortSignal): Promise<boolean> {
    const { clock, random } = this.#options;
    const [least, most] = way.delayMs;
    const delayMs = most > 0 ? least + random() * (most - least) : 0;
    if (delayMs > 0) await clock.sleep(delayMs, signal);
    if (delayMs > LATE_MS) this.#onBite("message late");
    if (!way.isBlocked && random() >= way.loss) return true;
    this.#onBite(way === this.out ? "request lost" : "answer lost");
    return false;
  }

  /** An event on an open connection is sent until it gets through, or until the connection ends: false. */
  async #arrives(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    try {
      while (!(await this.#passes(this.back, signal))) await clock.sleep(RESEND_MS, signal);
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) throw error;
      return false;
    }
  }
}

/** A watch at one server, as the client has it. */
class Connection {
  heardMs = 0;
  readonly #end = new AbortController();

  get broken(): AbortSignal {
    return this.#end.signal;
  }

  /** Watches from this very moment; what that gives, also a refusal, is read with `next`. */
  register(
    keys: Keys,
    key: string,
    options: Parameters<Keys["watch"]>[1],
    from: () => number,
  ): { readonly events: Events; readonly from: number } {
    const iterator = keys.watch(key, options, this.#end.signal)[Symbol.asyncIterator]();
    const first = iterator.next();
    first.catch(() => {}); // read below
    return { events: { iterator, first }, from: from() };
  }

  /** Undefined when the connection is over. */
  async next(events: Events, signal: AbortSignal): Promise<KeyEvent | undefined> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const abort = () => resolve(undefined);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      const next = events.first ?? events.iterator.next();
      events.first = undefined;
      next.catch(() => {}); // nobody waits for it once the connection is over
      const result = await Promise.race([next, promise]);
      return result === undefined || result.done === true ? undefined : result.value;
    } catch (error) {
      if (error instanceof KeysError) throw error;
      return undefined; // the server closed the connection
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    this.#end.abort(CLOSED);
  }
}

interface Events {
  readonly iterator: AsyncIterator<KeyEvent>;
  first: Promise<IteratorResult<KeyEvent>> | undefined;
}

function unavailable(what: string): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot ask the store: ${what}; whether a write under way happened is unknown`,
  );
}
