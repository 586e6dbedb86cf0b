import { BoundedStream } from "#base/bounded-stream.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { HISTORY_MAX } from "#keys/core/history.ts";
import { cleanKey } from "#keys/core/key-path.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import { doneOrThrow, type Outcome } from "#keys/core/outcome.ts";
import { deleteCommand, putCommand } from "#keys/core/put-command.ts";
import type {
  DeleteOptions,
  GetOptions,
  Keys,
  Reply,
  SetOptions,
  WatchOptions,
} from "#keys/keys.ts";
import type { KeysServer } from "#keys/keys-server.ts";

/** The keys protocol in process, on a server's store. The server stays the caller's to close. */
export class LocalKeys implements Keys {
  readonly #server: KeysServer;

  constructor(server: KeysServer) {
    this.#server = server;
  }

  async get(key: string, options: GetOptions, signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted();
    const { recursive = false, sorted = false } = options;
    const asked = { key: cleanKey(key), recursive, sorted };
    if (!options.quorum) return replyOf(this.#server.get(asked.key, asked));
    const timeMs = this.#server.nowMs();
    return replyOf(await this.#server.propose({ op: "get", ...asked, timeMs }, signal));
  }

  async set(
    key: string,
    value: string | undefined,
    options: SetOptions,
    signal: AbortSignal,
  ): Promise<Reply> {
    refuseAsHttpDoes(value, options);
    const timeMs = this.#server.nowMs();
    const command = putCommand(
      {
        key: cleanKey(key),
        value: value ?? "",
        dir: options.dir ?? false,
        prevExist: options.prevExist,
        prevValue: options.prevValue ?? "",
        prevIndex: options.prevIndex ?? 0,
        expiresMs: expiry(options.ttlSeconds, timeMs),
        refresh: options.refresh ?? false,
      },
      timeMs,
    );
    return replyOf(await this.#server.propose(command, signal));
  }

  async createInOrder(
    directory: string,
    value: string,
    options: { readonly ttlSeconds?: number },
    signal: AbortSignal,
  ): Promise<Reply> {
    const timeMs = this.#server.nowMs();
    const expiresMs = expiry(options.ttlSeconds, timeMs);
    const outcome = await this.#server.propose(
      {
        op: "create",
        key: cleanKey(directory),
        value,
        dir: false,
        inOrder: true,
        ...(expiresMs === undefined ? {} : { expiresMs }),
        timeMs,
      },
      signal,
    );
    return replyOf(outcome);
  }

  async delete(key: string, options: DeleteOptions, signal: AbortSignal): Promise<Reply> {
    if (options.prevValue === "") throw new KeysError(201, '"prevValue" cannot be empty', 0);
    const { dir = false, recursive = false, prevValue = "", prevIndex = 0 } = options;
    const command = deleteCommand(
      { key: cleanKey(key), dir, recursive, prevValue, prevIndex },
      this.#server.nowMs(),
    );
    return replyOf(await this.#server.propose(command, signal));
  }

  /** A caller who falls a whole history behind gets KeysError 401, as if it had asked anew. */
  async *watch(key: string, options: WatchOptions, signal: AbortSignal): AsyncIterable<KeyEvent> {
    signal.throwIfAborted();
    const interest = { key: cleanKey(key), recursive: options.recursive ?? false };
    using events = new BoundedStream<KeyEvent>(HISTORY_MAX);
    const stop = this.#server.watchAll(interest, options.fromIndex, (event) => events.push(event));
    if (typeof stop !== "function") throw new KeysError(stop.code, stop.cause, stop.index);
    const either = AbortSignal.any([signal, this.#server.following]);
    const abort = () => events.end(either.reason);
    either.addEventListener("abort", abort, { once: true });
    if (either.aborted) abort();
    try {
      yield* events;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new KeysError(401, "the watcher fell behind the history", this.#server.etcdIndex);
    } finally {
      either.removeEventListener("abort", abort);
      stop();
    }
  }
}

function replyOf(outcome: Outcome): Reply {
  const { event, index } = doneOrThrow(outcome);
  if (event.node.key !== "") return { event, etcdIndex: index };
  return { event: { ...event, node: { ...event.node, key: "/" } }, etcdIndex: index };
}

function expiry(ttlSeconds: number | undefined, nowMs: number): number | undefined {
  return ttlSeconds === undefined ? undefined : nowMs + ttlSeconds * 1000;
}

/** The same mistakes get the same answers as over HTTP. */
function refuseAsHttpDoes(value: string | undefined, options: SetOptions): void {
  if (options.prevValue === "") throw new KeysError(201, '"prevValue" cannot be empty', 0);
  if (!options.refresh) return;
  if (value) throw new KeysError(211, "A value was provided on a refresh", 0);
  if (options.ttlSeconds === undefined) throw new KeysError(212, "No TTL value set", 0);
}
