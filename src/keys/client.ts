import { type Clock, systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { DeleteOptions, Keys, Reply, SetOptions, WatchOptions } from "#keys/keys.ts";
import { type EndpointLimits, Endpoints } from "./client-endpoints.ts";
import {
  type ClientTls,
  Connections,
  type HttpAnswer,
  type HttpRequest,
  parseEndpoint,
} from "./client-exchange.ts";
import { watchByPolling } from "./client-watch.ts";
import { errorOf, formOf, keyPath, parseEvent } from "./client-wire.ts";

export interface KeysClientOptions {
  /** `http://HOST:PORT`, `https://HOST:PORT` or `unix://PATH`; at least one. */
  readonly endpoints: readonly string[];
  /** How long one server may take for a whole answer; default 5 s. */
  readonly requestTimeoutMs?: number;
  /** How long a server may take to accept a connection; default 1 s. */
  readonly connectTimeoutMs?: number;
  /** How long a watch may be silent before its server is asked whether it is there; default 20 s. */
  readonly idleMs?: number;
  /** Whether watches ask a server of Keelson's for all events at once, which etcd ignores; default true. */
  readonly batch?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Certificates for `https` endpoints; a function is asked for every request, so that renewed ones are used. */
  readonly tls?: ClientTls | (() => ClientTls);
  /** `USER:PASSWORD` for servers that ask for it. */
  readonly auth?: string;
  /** Told of every request that goes out. */
  readonly onRequest?: EndpointLimits["onRequest"];
}

export interface KeysClient extends Keys, AsyncDisposable {
  /** As `watch`, each event with the store's index when its poll began (`X-Etcd-Index`). */
  watchReplies(key: string, options: WatchOptions, signal: AbortSignal): AsyncIterable<Reply>;
  /**
   * Any other GET, such as `/v2/members`, of the first server that answers, or of the one given; whatever its status.
   * @throws {Fault} STORE_UNAVAILABLE
   */
  fetch(path: string, signal: AbortSignal): Promise<HttpAnswer>;
  /**
   * A change by another API, such as `PUT /v2/auth/enable`, at the first server that takes it; whatever its status.
   * @throws {Fault} STORE_UNAVAILABLE
   */
  change(
    request: Pick<HttpRequest, "method" | "path" | "json">,
    signal: AbortSignal,
  ): Promise<HttpAnswer>;
}

/**
 * The keys protocol over HTTP. A read goes to the next server when one does not answer. A write that a server may
 * have got is not repeated: it rejects with STORE_UNAVAILABLE saying so.
 * @throws {Fault} CONFIG_INVALID for an endpoint that cannot be one.
 */
export function openKeysClient(options: KeysClientOptions): KeysClient {
  const { clock = systemClock, random = Math.random, tls, auth, idleMs = 20_000 } = options;
  const { requestTimeoutMs = 5_000, connectTimeoutMs = 1_000, batch = true, onRequest } = options;
  if (options.endpoints.length === 0)
    throw new Fault("CONFIG_INVALID", "Cannot use an empty list of endpoints: name one at least");
  const connections = new Connections({
    ...(tls ? { tls } : {}),
    ...(auth === undefined ? {} : { auth }),
  });
  const endpoints = new Endpoints(options.endpoints.map(parseEndpoint), connections, {
    clock,
    requestTimeoutMs,
    connectTimeoutMs: Math.min(connectTimeoutMs, requestTimeoutMs),
    ...(onRequest ? { onRequest } : {}),
  });
  const closed = new AbortController();
  const open = (signal: AbortSignal) => AbortSignal.any([signal, closed.signal]);

  async function reply(what: string, request: HttpRequest, signal: AbortSignal): Promise<Reply> {
    const repeatable = { repeatable: request.method === "GET" };
    const answer = await endpoints.ask(what, request, repeatable, open(signal));
    if (answer.status !== 200 && answer.status !== 201) throw errorOf(answer);
    const event = parseEvent(answer.body);
    const etcdIndex = Number(answer.headers["x-etcd-index"] ?? Number.NaN);
    if (Number.isNaN(etcdIndex)) throw errorOf(answer);
    const clusterId = answer.headers["x-etcd-cluster-id"];
    return { event, etcdIndex, ...(typeof clusterId === "string" && { clusterId }) };
  }

  const watching = { endpoints, clock, random, requestTimeoutMs, idleMs, batch };
  const watchReplies: KeysClient["watchReplies"] = (key, watchOptions, signal) =>
    watchByPolling(watching, key, watchOptions, open(signal));

  return {
    async get(key, { recursive = false, sorted = false, quorum = false }, signal) {
      const path = `${keyPath(key)}?${formOf({ quorum, recursive, sorted })}`;
      return reply(`get ${key}`, { method: "GET", path }, signal);
    },
    async set(key, value, options, signal) {
      return reply(`set ${key}`, setRequest(key, value, options), signal);
    },
    async createInOrder(directory, value, { ttlSeconds: ttl }, signal) {
      const request = { method: "POST", path: keyPath(directory), form: formOf({ ttl, value }) };
      return reply(`create a key in ${directory}`, { ...request, method: "POST" }, signal);
    },
    async delete(key, options, signal) {
      return reply(`delete ${key}`, deleteRequest(key, options), signal);
    },
    watchReplies,
    async *watch(key, options, signal) {
      for await (const { event } of watchReplies(key, options, signal)) yield event;
    },
    fetch: (path, signal) =>
      endpoints.ask(`get ${path}`, { method: "GET", path }, { repeatable: true }, open(signal)),
    change: (request, signal) => {
      const what = `${request.method} ${request.path}`;
      return endpoints.ask(what, request, { repeatable: false }, open(signal));
    },
    async [Symbol.asyncDispose]() {
      closed.abort(new Error("the client was closed"));
      connections[Symbol.dispose]();
    },
  };
}

function setRequest(key: string, value: string | undefined, options: SetOptions): HttpRequest {
  const { dir, prevExist, prevIndex, prevValue, refresh, ttlSeconds: ttl } = options;
  const query = formOf({ dir: dir || undefined, prevExist, prevIndex, prevValue });
  const form = formOf({ refresh: refresh || undefined, ttl, value });
  const path = query === "" ? keyPath(key) : `${keyPath(key)}?${query}`;
  return { method: "PUT", path, form };
}

function deleteRequest(key: string, options: DeleteOptions): HttpRequest {
  const { dir, prevIndex, prevValue, recursive } = options;
  const query = formOf({
    dir: dir || undefined,
    prevIndex,
    prevValue,
    recursive: recursive || undefined,
  });
  const path = query === "" ? keyPath(key) : `${keyPath(key)}?${query}`;
  return { method: "DELETE", path };
}
