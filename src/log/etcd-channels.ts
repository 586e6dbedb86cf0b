import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
} from "@grpc/grpc-js";
import { reasonOf } from "#base/fault.ts";
import { type CallOptions, EtcdError, GRPC } from "#log/etcd-client.ts";
import { loadEtcdMethods } from "#log/etcd-messages.ts";

/** etcd's own limit for a request (embed/config.go: 5 s and two elections), and a little to hear of it. */
const TIMEOUT_MS = 7_500;
/** etcd ends connections that ping more often than every 5 s (grpc-keepalive-min-time). */
const KEEPALIVE_MS = 6_000;
const KEEPALIVE_TIMEOUT_MS = 3_000;

export interface EtcdChannelsOptions {
  /** `http://HOST:PORT`, `https://HOST:PORT` or `unix:///PATH`; the first is asked until it fails. */
  readonly endpoints: readonly [string, ...string[]];
  /** For https; default: the system's authorities and no certificate of its own. PEM. */
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
  /** Default limit of a call. */
  readonly timeoutMs?: number;
  /** How often a connection is checked; a server that is to be asked more often than every 5 s has to be told. */
  readonly keepaliveMs?: number;
}

/** Connections to etcd servers: one of them is asked until it fails, then the next. */
export class EtcdChannels {
  readonly #methods = loadEtcdMethods();
  readonly #options: EtcdChannelsOptions;
  readonly #clients: (Client | undefined)[];
  readonly #origins = new WeakMap<object, number>();
  #at = 0;

  constructor(options: EtcdChannelsOptions) {
    this.#options = options;
    this.#clients = options.endpoints.map(() => undefined);
  }

  deadline({ timeoutMs }: CallOptions): number {
    return Date.now() + (timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS);
  }

  ask<A>(name: string, request: object, options: CallOptions): Promise<A> {
    const { signal } = options;
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { path, serialize, deserialize } = this.#method(name);
    const at = this.#at;
    const { promise, resolve, reject } = Promise.withResolvers<A>();
    const call = this.#client(at).makeUnaryRequest(
      path,
      serialize,
      deserialize,
      request,
      new Metadata(),
      { deadline: this.deadline(options) },
      (error, answer) => {
        signal.removeEventListener("abort", abort);
        if (error === null) {
          resolve(answer as A);
          return;
        }
        if (!signal.aborted) this.#turnFrom(at, error);
        reject(signal.aborted ? signal.reason : errorOf(error));
      },
    );
    const abort = () => call.cancel();
    signal.addEventListener("abort", abort, { once: true });
    return promise;
  }

  stream<A>(name: string, metadata: Metadata, deadline?: number): ClientDuplexStream<object, A> {
    const { path, serialize, deserialize } = this.#method(name);
    const at = this.#at;
    const stream = this.#client(at).makeBidiStreamRequest(
      path,
      serialize,
      deserialize,
      metadata,
      deadline === undefined ? {} : { deadline },
    );
    this.#origins.set(stream, at);
    return stream as ClientDuplexStream<object, A>;
  }

  /** To be told when a stream failed, so that another endpoint is asked. */
  failed(stream: object, error: unknown): void {
    const at = this.#origins.get(stream);
    if (at !== undefined) this.#turnFrom(at, error);
  }

  close(): void {
    for (const client of this.#clients) client?.close();
  }

  #turnFrom(at: number, error: unknown): void {
    const { code } = errorOf(error);
    const isGone = code === GRPC.UNAVAILABLE || code === GRPC.DEADLINE_EXCEEDED;
    if (isGone && at === this.#at) this.#at = (at + 1) % this.#clients.length;
  }

  #method(name: string) {
    const method = this.#methods.get(name);
    if (method === undefined) throw new TypeError(`no method ${name} of etcd is described`);
    return method;
  }

  #client(at: number): Client {
    return (this.#clients[at] ??= this.#connect(this.#options.endpoints[at] ?? ""));
  }

  #connect(endpoint: string): Client {
    const { tls, keepaliveMs } = this.#options;
    const url = new URL(endpoint);
    const isTls = url.protocol === "https:";
    const secret: ChannelCredentials = isTls
      ? credentials.createSsl(tls?.ca ?? null, tls?.key ?? null, tls?.cert ?? null)
      : credentials.createInsecure();
    const target =
      url.protocol === "unix:" ? `unix:${url.pathname}` : `${url.hostname}:${url.port || 2379}`;
    const options: ClientOptions = {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
      "grpc.keepalive_time_ms": keepaliveMs ?? KEEPALIVE_MS,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      // What is asked twice is decided by whoever asks.
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": 0,
      "grpc.service_config_disable_resolution": 1,
      // Connections of its own: another client's failures are not ours.
      "grpc.use_local_subchannel_pool": 1,
    };
    return new Client(target, secret, options);
  }
}

/** gRPC's errors carry etcd's own text in `details`. */
export function errorOf(error: unknown): EtcdError {
  if (error instanceof EtcdError) return error;
  const { code, details } = error as { code?: unknown; details?: unknown };
  return new EtcdError(
    typeof code === "number" ? code : GRPC.UNAVAILABLE,
    typeof details === "string" && details !== "" ? details : reasonOf(error),
    { cause: error },
  );
}
