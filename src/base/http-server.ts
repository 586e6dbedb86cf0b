import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Fault } from "#base/fault.ts";
import type { HttpHandler } from "#base/http.ts";
import { HttpConnection } from "#base/http-connection.ts";
import { type Address, listen } from "#base/listen.ts";
import type { ServerTls } from "#base/tls.ts";

/** A client that is gone without a word is noticed after about this long, as by etcd. */
const KEEP_ALIVE_MS = 30_000;

/** Answers under way when the server stops get this long. */
const FINISH_MS = 1000;

/** A client may take this long to agree on TLS; what Go's transport, and so etcd's clients, give a server. */
const HANDSHAKE_MS = 10_000;

/** How often clients are looked for that do not end their requests. */
const CHECK_EVERY_MS = 30_000;

/** A server on one address. Its disposal lets answers that are written reach their clients, then ends what is left. */
export interface HttpServer extends AsyncDisposable {
  readonly address: Address;
}

/**
 * Serves TLS with `tls` where the address says https.
 * @throws {Fault} ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function openHttpServer(
  address: Address,
  handle: HttpHandler,
  tls?: ServerTls,
): Promise<HttpServer> {
  const connections = new Set<HttpConnection>();
  const accept = (socket: Socket) => {
    const connection = new HttpConnection(socket, handle);
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  };
  const server = makeServer(address, tls, accept);
  const sockets = new Set<Socket>(); // those too that have yet to agree on TLS
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await listen(server, address);
  const checking = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections) connection.checkTime(nowMs);
  }, CHECK_EVERY_MS).unref();
  return {
    address: boundTo(server, address),
    async [Symbol.asyncDispose]() {
      clearInterval(checking);
      await finish(server, connections, sockets);
    },
  };
}

const SOCKETS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_MS,
};

function makeServer(
  address: Address,
  tls: ServerTls | undefined,
  accept: (socket: Socket) => void,
): Server {
  if (address.kind === "unix" || !address.secure) return createServer(SOCKETS, accept);
  if (tls === undefined)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot listen on https://${address.host}:${address.port}: there is no certificate; name cert-file and key-file, or use http`,
    );
  const limits = { handshakeTimeout: HANDSHAKE_MS };
  const server = createTlsServer({ ...SOCKETS, ...limits, ...tls.options }, accept);
  tls.follow(server);
  return server;
}

function boundTo(server: Server, address: Address): Address {
  const bound = server.address();
  if (address.kind === "unix" || bound === null || typeof bound === "string") return address;
  return { ...address, port: bound.port };
}

async function finish(
  server: Server,
  connections: ReadonlySet<HttpConnection>,
  sockets: ReadonlySet<Socket>,
): Promise<void> {
  const closed = new Promise((resolve) => server.close(() => resolve(undefined)));
  for (const connection of connections) connection.finishSoon();
  const limit = setTimeout(() => {
    for (const connection of connections) connection.destroy();
    for (const socket of sockets) socket.destroy();
  }, FINISH_MS);
  await closed;
  clearTimeout(limit);
}
