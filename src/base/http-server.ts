import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { HeaderList, HttpHandler, HttpRequest, HttpResponse } from "#base/http.ts";
import { type Address, listen } from "#base/listen.ts";

/** A client that is gone without a word is noticed after about this long, as by etcd. */
const KEEP_ALIVE_MS = 30_000;

/** Answers under way when the server stops get this long. */
const FINISH_MS = 1000;

/** A server on one address. Its disposal lets answers that are written reach their clients, then ends what is left. */
export interface HttpServer extends AsyncDisposable {
  readonly address: Address;
}

/** @throws {Fault} ADDRESS_IN_USE, CONFIG_INVALID */
export async function openHttpServer(address: Address, handle: HttpHandler): Promise<HttpServer> {
  const server = createServer(
    { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, optimizeEmptyRequests: true },
    (req, res) => handle(new NodeRequest(req), new NodeResponse(res)),
  );
  server.keepAliveTimeout = 0; // like etcd, leave idle connections to the client
  server.requestTimeout = 0;
  await listen(server, address);
  return { address: boundTo(server, address), [Symbol.asyncDispose]: () => finish(server) };
}

function boundTo(server: Server, address: Address): Address {
  const bound = server.address();
  if (address.kind === "unix" || bound === null || typeof bound === "string") return address;
  return { ...address, port: bound.port };
}

async function finish(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(() => resolve(undefined)));
  server.closeIdleConnections();
  const limit = setTimeout(() => server.closeAllConnections(), FINISH_MS);
  await closed;
  clearTimeout(limit);
}

class NodeRequest implements HttpRequest {
  readonly #req: IncomingMessage;
  readonly peerCommonName = undefined;

  constructor(req: IncomingMessage) {
    this.#req = req;
  }

  get method(): string {
    return this.#req.method ?? "GET";
  }

  get target(): string {
    return this.#req.url ?? "/";
  }

  get remoteAddress(): string | undefined {
    return this.#req.socket.remoteAddress;
  }

  header(name: string): string | undefined {
    const value = this.#req.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  readBody(maxBytes: number, done: (body: string | undefined) => void): void {
    const chunks: Buffer[] = [];
    let size = 0;
    this.#req.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
    });
    this.#req.on("end", () => {
      if (size > maxBytes) done(undefined);
      else done(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString());
    });
  }
}

class NodeResponse implements HttpResponse {
  readonly #res: ServerResponse;
  #added: readonly string[] = [];

  constructor(res: ServerResponse) {
    this.#res = res;
  }

  get unreadBytes(): number {
    return this.#res.writableLength;
  }

  addHeaders(headers: HeaderList): void {
    this.#added = [...this.#added, ...headers];
  }

  send(status: number, headers: HeaderList, body: string): void {
    const length = ["Content-Length", String(Buffer.byteLength(body))];
    this.#head(status, [...headers, ...length]);
    this.#res.end(body);
  }

  begin(status: number, headers: HeaderList): void {
    this.#head(status, headers);
    this.#res.flushHeaders();
  }

  write(text: string): void {
    this.#res.write(text);
  }

  end(text?: string): void {
    this.#res.end(text);
  }

  destroy(): void {
    this.#res.destroy();
  }

  closeAfter(): void {
    this.#res.shouldKeepAlive = false;
  }

  onClose(gone: () => void): void {
    this.#res.once("close", gone);
  }

  #head(status: number, headers: HeaderList): void {
    const all = this.#added.length > 0 ? [...this.#added, ...headers] : headers;
    this.#res.writeHead(status, all as unknown as OutgoingHttpHeaders);
  }
}
