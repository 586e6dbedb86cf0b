import type {
  Agent,
  IncomingHttpHeaders,
  IncomingMessage,
  OutgoingHttpHeaders,
  RequestOptions,
} from "node:http";
import type { ConnectionOptions, SecureContextOptions } from "node:tls";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { isClientRefused, tlsReason } from "#base/tls-reason.ts";

/** Answers larger than this are refused: a whole tree of a hundred thousand keys is about a tenth of it. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
/** How long a connection may be silent before the kernel asks the peer whether it is there. */
const TCP_KEEPALIVE_MS = 15_000;

/** A server to ask: its URL, or a unix socket. */
export interface Endpoint {
  /** As given, without a slash at the end. */
  readonly text: string;
  readonly connect: Pick<RequestOptions, "hostname" | "port" | "socketPath" | "auth">;
  readonly secure: boolean;
}

export interface HttpRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly form?: string;
  /** A body of JSON, instead of `form`. */
  readonly json?: string;
  /** Another's request, passed on as it is; instead of `form`. */
  readonly passOn?: { readonly headers: OutgoingHttpHeaders; readonly body: Buffer };
}

export interface HttpAnswer {
  readonly endpoint: Endpoint;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An exchange with one server that failed; `sent` when the server may have got the request. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly endpoint: Endpoint;
  readonly sent: boolean;

  constructor(endpoint: Endpoint, sent: boolean, cause: unknown) {
    // Connecting to a name with several addresses fails with one error for each.
    const causes = cause instanceof AggregateError ? cause.errors : [cause];
    super(causes.map((each) => failureOf(endpoint, each)).join(", "), { cause });
    this.endpoint = endpoint;
    this.sent = sent && !isClientRefused(cause);
  }
}

function failureOf({ secure }: Endpoint, cause: unknown): string {
  const reason = reasonOf(cause);
  // A server that is Keelson's cannot say so, since Node lets it only hang up.
  if (secure && isErrno(cause, "ECONNRESET"))
    return `${reason}: it may want another certificate of this client, or none`;
  if (!secure && reason === "socket hang up") return `${reason}; if it speaks TLS, use https://`;
  return tlsReason(cause) ?? reason;
}

/**
 * @throws {Fault} CONFIG_INVALID when `text` is not `http://HOST[:PORT]`, `https://HOST[:PORT]` or `unix://PATH`.
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith("unix://"))
    return { text, connect: { socketPath: text.slice("unix://".length) }, secure: false };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use endpoint "${text}": expected http://HOST:PORT, https://HOST:PORT or unix://PATH`,
    );
  const secure = url.protocol === "https:";
  const auth = url.username ? `${url.username}:${url.password}` : undefined;
  return {
    text: text.replace(/\/+$/, ""),
    connect: {
      hostname: url.hostname.replace(/^\[|\]$/g, ""),
      port: url.port || (secure ? 443 : 80),
      ...(auth === undefined ? {} : { auth: decodeURIComponent(auth) }),
    },
    secure,
  };
}

/** Certificates, and the name that a server's has to be of when it is not its URL's. */
export type ClientTls = Pick<ConnectionOptions, keyof SecureContextOptions | "servername">;

export interface ExchangeOptions {
  /** A function is asked for every request, so that renewed certificates are used. */
  readonly tls?: ClientTls | (() => ClientTls);
  /** `USER:PASSWORD`, for servers whose URL names none. */
  readonly auth?: string;
  /** URL of an HTTP proxy that requests go through. */
  readonly proxy?: string;
}

/** An import of node:http evaluates its WebSocket export too, which costs a command line 30 ms at every start. */
function httpModule(secure: boolean) {
  return secure ? process.getBuiltinModule("node:https") : process.getBuiltinModule("node:http");
}

/** One connection pool for all requests of a client. */
export class Connections implements Disposable {
  readonly #options: ExchangeOptions;
  readonly #agents = new Map<boolean, Agent>();
  /** Whose certificates are renewed: they end with what they are used for. */
  readonly #former = new Set<Agent>();
  #tls: ClientTls | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /**
   * Sends a request and waits for the head of the answer.
   * @throws {ExchangeError}
   */
  async send(
    endpoint: Endpoint,
    { method, path, form, json, passOn }: HttpRequest,
    limits: { readonly connectTimeoutMs: number; readonly clock: Clock },
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const http = httpModule(endpoint.secure);
    const agent = this.#agent(endpoint.secure);
    signal.throwIfAborted();
    const text = form ?? json;
    const body = text === undefined ? passOn?.body : Buffer.from(text);
    const type = json === undefined ? "application/x-www-form-urlencoded" : "application/json";
    const headers = passOn?.headers ?? bodyHeaders(type, body);
    const request = http.request({
      auth: this.#options.auth,
      ...endpoint.connect,
      agent,
      method,
      path,
      headers,
      signal,
    });
    const connected = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<IncomingMessage>();
    let sent = false;
    const connect = () => {
      sent = true;
      connected.resolve();
    };
    request.on("socket", (socket) => {
      socket.setKeepAlive(true, TCP_KEEPALIVE_MS);
      if (!socket.connecting) connect();
      else socket.once(endpoint.secure ? "secureConnect" : "connect", connect);
    });
    request.on("response", answered.resolve);
    request.on("error", (error) => {
      connected.resolve();
      answered.reject(error);
    });
    answered.promise.catch(() => {}); // also awaited below, unless connecting takes too long
    request.end(body);
    try {
      const what = `connect to ${endpoint.text}`;
      const limit = { ms: limits.connectTimeoutMs, clock: limits.clock, what, signal };
      await withDeadline(limit, (late) => abortable(connected.promise, late));
      return await answered.promise;
    } catch (error) {
      request.destroy();
      // A deadline that passes before the server is reached leaves no doubt: another may be asked.
      if (!sent && isTimeout(signal.reason)) throw new ExchangeError(endpoint, sent, signal.reason);
      signal.throwIfAborted();
      throw new ExchangeError(endpoint, sent, error);
    }
  }

  #agent(secure: boolean): Agent {
    const { tls: given, proxy } = this.#options;
    const tls = typeof given === "function" ? given() : given;
    let agent = this.#agents.get(secure);
    if (secure && agent !== undefined && tls !== this.#tls) {
      this.#retire(agent);
      agent = undefined;
    }
    if (agent === undefined) {
      if (secure) this.#tls = tls;
      const proxyEnv = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
      const how = { keepAlive: true, ...(secure ? tls : {}), ...(proxy ? { proxyEnv } : {}) };
      agent = new (httpModule(secure).Agent)(how);
      this.#agents.set(secure, agent);
    }
    return agent;
  }

  #retire(agent: Agent): void {
    agent.maxFreeSockets = 0;
    for (const idle of Object.values(agent.freeSockets))
      for (const socket of idle ?? []) socket.destroy();
    this.#former.add(agent);
  }

  [Symbol.dispose](): void {
    for (const agent of [...this.#agents.values(), ...this.#former]) agent.destroy();
  }
}

/**
 * The body of an answer as text.
 * @throws {ExchangeError} when the connection breaks before its end.
 */
export async function readBody(
  endpoint: Endpoint,
  message: IncomingMessage,
  signal: AbortSignal,
): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const abort = () => message.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of message as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_BYTES_MAX) throw new Error(`the answer is over ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  } catch (error) {
    message.destroy();
    signal.throwIfAborted();
    throw new ExchangeError(endpoint, true, error);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function bodyHeaders(type: string, body: Buffer | undefined): OutgoingHttpHeaders {
  if (body === undefined) return {};
  return { "Content-Type": type, "Content-Length": body.length };
}

function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([promise, aborted]);
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof Fault && reason.code === "TIMED_OUT";
}
