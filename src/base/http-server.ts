import { createServer, type Server, type Socket } from "node:net";
import type { HttpHandler } from "#base/http.ts";
import { HttpConnection } from "#base/http-connection.ts";
import { type Address, listen } from "#base/listen.ts";

/** A client that is gone without a word is noticed after about this long, as by etcd. */
const KEEP_ALIVE_MS = 30_000;

/** Answers under way when the server stops get this long. */
const FINISH_MS = 1000;

/** How often clients are looked for that do not end their requests. */
const CHECK_EVERY_MS = 30_000;

/** A server on one address. Its disposal lets answers that are written reach their clients, then ends what is left. */
export interface HttpServer extends AsyncDisposable {
  readonly address: Address;
}

/** @throws {Fault} ADDRESS_IN_USE, CONFIG_INVALID */
export async function openHttpServer(address: Address, handle: HttpHandler): Promise<HttpServer> {
  const connections = new Set<HttpConnection>();
  const accept = (socket: Socket) => {
    const connection = new HttpConnection(socket, handle);
    connections.add(connection);
    socket.once("close", () => connections.delete(connection));
  };
  const options = {
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  const server = createServer(options, accept);
  await listen(server, address);
  const checking = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections) connection.checkTime(nowMs);
  }, CHECK_EVERY_MS).unref();
  return {
    address: boundTo(server, address),
    async [Symbol.asyncDispose]() {
      clearInterval(checking);
      await finish(server, connections);
    },
  };
}

function boundTo(server: Server, address: Address): Address {
  const bound = server.address();
  if (address.kind === "unix" || bound === null || typeof bound === "string") return address;
  return { ...address, port: bound.port };
}

async function finish(server: Server, connections: ReadonlySet<HttpConnection>): Promise<void> {
  const closed = new Promise((resolve) => server.close(() => resolve(undefined)));
  for (const connection of connections) connection.finishSoon();
  const limit = setTimeout(() => {
    for (const connection of connections) connection.destroy();
  }, FINISH_MS);
  await closed;
  clearTimeout(limit);
}
