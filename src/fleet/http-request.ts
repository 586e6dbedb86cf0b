import type { IncomingMessage } from "node:http";
import type { Address } from "#base/listen.ts";

// An import of node:http evaluates its WebSocket export too, which costs a command line 30 ms at every start.
const { request } = process.getBuiltinModule("node:http");

/** Says who asks, as USER@HOST: for the record, not for permission. */
export const USER_HEADER = "x-fleet-user";

/** Longer than any network in one place takes; then another endpoint may be asked. */
const CONNECT_MS = 2_000;

/** The header of a request that another fleetd passed on: it goes no further. */
export const FORWARDED = "x-fleet-forwarded";

export interface HttpRequest {
  /** Default GET. */
  readonly method?: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Within which the head of the answer has to be there; without it the wait has no end of its own. */
  readonly answerMs?: number;
}

/**
 * Sends one request over TCP or a unix socket; resolves once the answer's head is there. From then on only the signal
 * ends it.
 */
export function httpRequest(
  address: Address,
  what: HttpRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const where =
    address.kind === "unix"
      ? { socketPath: address.path }
      : { host: address.host, port: address.port };
  const body = what.body === undefined ? undefined : Buffer.from(what.body);
  const headers = { ...what.headers, ...(body && { "content-length": String(body.length) }) };
  const sent = request({
    ...where,
    method: what.method ?? "GET",
    path: what.path,
    headers,
    signal,
    agent: false,
  });
  const endAfter = (ms: number, missing: string) =>
    setTimeout(() => sent.destroy(new Error(`no ${missing} within ${ms / 1000} s`)), ms);
  const connecting = endAfter(CONNECT_MS, "connection");
  const answering = what.answerMs === undefined ? undefined : endAfter(what.answerMs, "answer");
  sent.once("socket", (socket) => socket.once("connect", () => clearTimeout(connecting)));
  sent.once("close", () => {
    clearTimeout(connecting);
    clearTimeout(answering);
  });
  sent.once("response", (answer) => {
    clearTimeout(answering);
    resolve(answer);
  });
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

export async function bodyText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The sentence in an error body of the fleet API; undefined where there is none. */
export function messageOf(body: string): string | undefined {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown } };
    return typeof parsed.error?.message === "string" ? parsed.error.message : undefined;
  } catch {
    return undefined;
  }
}
