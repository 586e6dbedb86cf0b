import { type IncomingMessage, request } from "node:http";
import type { Address } from "#base/listen.ts";

export interface HttpRequest {
  /** Default GET. */
  readonly method?: string;
  /** With the query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends one request over TCP or a unix socket; resolves once the answer's head is there. */
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
  sent.once("response", resolve);
  sent.on("error", reject);
  sent.end(body);
  return promise;
}

export async function bodyText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
