import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { pipeline } from "node:stream/promises";
import type { Clock } from "#base/clock.ts";
import { reasonOf } from "#base/fault.ts";
import { type Address, listen } from "#base/listen.ts";
import type { Logger } from "#base/logger.ts";
import type { ServerTls } from "#base/tls.ts";
import { type ClientTls, Connections, ExchangeError } from "./client-exchange.ts";
import { type Cors, corsFor } from "./cors.ts";
import { DIAL_TIMEOUT_MS, ProxyEndpoints } from "./proxy-endpoints.ts";

/** A value is at most 1.5 MB in etcd; a form triples that at worst. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** RFC 9110 section 7.6.1: these concern one connection. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "trailers",
  "transfer-encoding",
  "upgrade",
]);

export interface ProxyOptions {
  readonly listen: readonly Address[];
  /** Peer URLs of the cluster's members, as in `initial-cluster`. */
  readonly peers: readonly string[];
  /** Told the peer URLs of the members when they are others than before, to be kept for the next start. */
  readonly onPeers?: (peers: readonly string[]) => Promise<void>;
  /** Refuses every method but GET. */
  readonly readonly: boolean;
  /** Origins of web pages that may use the store through it. */
  readonly cors?: readonly string[];
  /** For addresses that say https. */
  readonly serverTls?: ServerTls | undefined;
  /** How it goes to peers and members. */
  readonly tls?: ClientTls | (() => ClientTls);
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told the servers' own addresses once all listen; members need not be up. */
  readonly onListening: (addresses: readonly Address[]) => void | Promise<void>;
}

/**
 * etcd's proxy of the v2 API: passes every request on to the first member that takes it, until aborted.
 * @throws {Fault} CONFIG_INVALID for a peer URL that cannot be one; ADDRESS_IN_USE.
 */
export async function runProxy(options: ProxyOptions): Promise<void> {
  const { clock, logger, signal } = options;
  await using stack = new AsyncDisposableStack();
  const connections = stack.use(new Connections(options.tls ? { tls: options.tls } : {}));
  const endpoints = new ProxyEndpoints(options.peers, {
    connections,
    clock,
    logger,
    onPeers: options.onPeers ?? (() => Promise.resolve()),
  });
  const proxy = new Proxy(endpoints, connections, options);
  const addresses: Address[] = [];
  for (const address of options.listen) {
    const server = makeServer(address, options.serverTls, (request, response) => {
      proxy.serve(request, response).catch((error: unknown) => {
        logger.debug({ reason: reasonOf(error) }, "request ended early");
        response.destroy();
      });
    });
    // Long polls may last for ever; what a proxy bounds is the time to reach a member.
    server.requestTimeout = 0;
    stack.defer(() => close(server));
    await listen(server, address);
    addresses.push(boundTo(server, address));
  }
  await options.onListening(addresses);
  await endpoints.refresh(signal);
}

function makeServer(
  address: Address,
  tls: ServerTls | undefined,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server | SecureServer {
  if (tls === undefined || address.kind === "unix" || !address.secure)
    return createServer(onRequest);
  const server = createSecureServer(tls.options, onRequest);
  tls.follow(server);
  return server;
}

class Proxy {
  readonly #endpoints: ProxyEndpoints;
  readonly #connections: Connections;
  readonly #options: ProxyOptions;
  readonly #cors: Cors;

  constructor(endpoints: ProxyEndpoints, connections: Connections, options: ProxyOptions) {
    this.#endpoints = endpoints;
    this.#connections = connections;
    this.#options = options;
    this.#cors = corsFor(options.cors ?? []);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const cors = this.#cors(request.headers.origin);
    for (let at = 0; at < cors.length; at += 2)
      response.setHeader(cors[at] ?? "", cors[at + 1] ?? "");
    if (request.method === "OPTIONS") {
      response.end();
      return;
    }
    if (this.#options.readonly && request.method !== "GET") {
      response.writeHead(501).end();
      return;
    }
    const [path] = (request.url ?? "/").split("?");
    if (path === "/v2/config/local/proxy") {
      this.#tellEndpoints(request, response);
      return;
    }
    const body = await readRequest(request);
    if (body === undefined) {
      refuse(response, 413, `request body over ${BODY_BYTES_MAX} bytes`);
      return;
    }
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the client went away")));
    await this.#endpoints.holdForFirst(gone.signal);
    const endpoints = this.#endpoints.available();
    if (endpoints.length === 0) {
      refuse(response, 503, "zero endpoints currently available");
      return;
    }
    const upstream = await this.#passOn(request, body, gone.signal);
    if (upstream === undefined) {
      refuse(response, 502, `unable to get response from ${endpoints.length} endpoint(s)`);
      return;
    }
    const headers = { ...endToEnd(upstream), ...response.getHeaders() }; // its own say on CORS wins
    response.writeHead(upstream.statusCode ?? 502, upstream.statusMessage, headers);
    // The head of a watch's answer comes long before its body.
    response.flushHeaders();
    await pipeline(upstream, response);
  }

  /**
   * The answer of the first member that takes the request. One that may have got a write is the last to be asked:
   * etcd's proxy would give the write to the next one too.
   */
  async #passOn(
    request: IncomingMessage,
    body: Buffer,
    signal: AbortSignal,
  ): Promise<IncomingMessage | undefined> {
    const { method = "GET", url: path = "/" } = request;
    const limits = { connectTimeoutMs: DIAL_TIMEOUT_MS, clock: this.#options.clock };
    const headers = headersToMember(request, body);
    for (const endpoint of this.#endpoints.available()) {
      const passed = { method, path, passOn: { headers, body } };
      try {
        return await this.#connections.send(endpoint, passed, limits, signal);
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error;
        this.#endpoints.markFailed(endpoint, error);
        if (error.sent && method !== "GET" && method !== "HEAD") return undefined;
      }
    }
    return undefined;
  }

  #tellEndpoints(request: IncomingMessage, response: ServerResponse): void {
    const headers = { "Content-Type": "text/plain; charset=utf-8" };
    if (request.method === "GET") {
      const endpoints = this.#endpoints.available().map(({ text }) => text);
      response.writeHead(200, headers).end(`${JSON.stringify({ endpoints })}\n`);
    } else response.writeHead(405, { ...headers, Allow: "GET" }).end("Method Not Allowed\n");
  }
}

/** An answer of the proxy's own, in the form of etcd's. */
function refuse(response: ServerResponse, status: number, message: string): void {
  response
    .writeHead(status, { "Content-Type": "application/json" })
    .end(JSON.stringify({ message: `httpproxy: ${message}` }));
}

/** Nothing when it is too long. It is kept whole, so that a member that refuses leaves it for the next. */
async function readRequest(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function headersToMember(request: IncomingMessage, body: Buffer): OutgoingHttpHeaders {
  const headers = withoutHops(request.headers);
  const via = request.socket.remoteAddress;
  const before = request.headers["x-forwarded-for"];
  if (via !== undefined)
    headers["x-forwarded-for"] = before === undefined ? via : `${String(before)}, ${via}`;
  if (body.length > 0) headers["content-length"] = body.length;
  return headers;
}

function endToEnd(upstream: IncomingMessage): OutgoingHttpHeaders {
  return withoutHops(upstream.headers);
}

function withoutHops(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));
}

function boundTo(server: Server | SecureServer, address: Address): Address {
  const bound = server.address();
  if (address.kind === "unix" || bound === null || typeof bound === "string") return address;
  return { ...address, port: bound.port };
}

async function close(server: Server | SecureServer): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
