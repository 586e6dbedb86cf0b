import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ActivatedSocket } from "#base/activation.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { type Address, listen } from "#base/listen.ts";
import { ApiRefusal, sendError } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import { answerUpgrade } from "./api-exec.ts";
import { route } from "./api-routes.ts";
import { refuseUnread } from "./refuse-unread.ts";

/** How long requests under way may take to end when the server closes. */
const GRACE_MS = 1_000;

export interface ApiServer extends AsyncDisposable {
  /** Where it listens, with the ports that were chosen. */
  readonly addresses: readonly Address[];
}

/**
 * Serves the fleet API v1 at these addresses until disposed of. Sockets that systemd opened take the place of unix
 * sockets among the addresses.
 * @throws {Fault} ADDRESS_IN_USE
 */
export async function openApiServer(
  context: ApiContext,
  addresses: readonly Address[],
  activated: readonly ActivatedSocket[] = [],
): Promise<ApiServer> {
  await using stack = new AsyncDisposableStack();
  const end = new AbortController();
  const listening: Address[] = [];
  const serve = (listener: Address["kind"]) => {
    const server = createServer((request, response) => {
      void answer(context, request, response, end.signal);
    });
    server.on("clientError", refuseUnread);
    server.on("upgrade", (request, socket, head) => {
      void answerUpgrade(context, { request, socket, head, listener, signal: end.signal });
    });
    stack.defer(() => close(server));
    return server;
  };
  for (const { fd, address } of activated) {
    const server = serve(address?.kind ?? "tcp");
    server.listen({ fd });
    await once(server, "listening");
    listening.push(address ?? tcpAddress(server));
  }
  const isOpen = (asked: Address) =>
    activated.some(({ address }) => address?.kind === "unix" && asked.kind === "unix") ||
    listening.some((other) => isSame(asked, other));
  for (const address of addresses.filter((each) => !isOpen(each))) {
    const server = serve(address.kind);
    await listen(server, address);
    listening.push(addressOf(server, address));
  }
  stack.defer(() => end.abort());
  const owned = stack.move();
  return { addresses: listening, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Made once, for an abort without a reason makes an error each time. */
const GONE = new Error("the client has its answer or went away");

async function answer(
  context: ApiContext,
  request: IncomingMessage,
  response: ServerResponse,
  end: AbortSignal,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(GONE));
  response.setHeader("Server", `fleetd/${context.version}`);
  const signal = AbortSignal.any([gone.signal, end]);
  try {
    const url = URL.parse((request.url ?? "/").replace(/^\/{2,}/, "/"), "http://fleet");
    if (url === null) throw new ApiRefusal(400, "the request's path is not valid");
    await route(context, { request, response, url, signal });
  } catch (error) {
    if (gone.signal.aborted) return;
    if (!(error instanceof ApiRefusal || error instanceof Fault) && !end.aborted)
      context.logger.error({ url: request.url, reason: reasonOf(error) }, "request failed");
    sendError(response, error);
  }
}

function addressOf(server: Server, asked: Address): Address {
  const bound = server.address();
  return asked.kind === "tcp" && bound !== null && typeof bound === "object"
    ? { ...asked, port: bound.port }
    : asked;
}

function tcpAddress(server: Server): Address {
  const bound = server.address();
  if (bound === null || typeof bound !== "object")
    throw new Fault(
      "CONFIG_INVALID",
      "Cannot listen on a socket of systemd: it is neither a unix nor a TCP socket; see ListenStream= in systemd.socket(5)",
    );
  return { kind: "tcp", host: bound.address, port: bound.port };
}

/** A TCP socket on all addresses has the port of each. */
function isSame(asked: Address, open: Address): boolean {
  if (asked.kind !== "tcp" || open.kind !== "tcp" || asked.port !== open.port) return false;
  return asked.host === open.host || open.host === "::" || open.host === "0.0.0.0";
}

async function close(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  server.closeIdleConnections();
  await closed;
  clearTimeout(timer);
}
