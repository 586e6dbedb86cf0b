import type { IncomingMessage } from "node:http";
import type { SecureContextOptions } from "node:tls";
import type { Address } from "#base/listen.ts";
import { openRequest } from "./http-open.ts";

/** Says who asks, as USER@HOST: for the record, not for permission. */
export const USER_HEADER = "x-fleet-user";

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
 * Sends one request; resolves once the answer's head is there. From then on only the signal ends it. `tls` is for
 * addresses that say https.
 */
export function httpRequest(
  address: Address,
  { body: text, method = "GET", ...what }: HttpRequest,
  signal: AbortSignal,
  tls?: SecureContextOptions,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const body = text === undefined ? undefined : Buffer.from(text);
  const headers = { ...what.headers, ...(body && { "content-length": String(body.length) }) };
  const sent = openRequest(address, { ...what, method, headers, signal }, tls);
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

/** The sentence in an error body of the fleet API; undefined where there is none. */
export function messageOf(body: string): string | undefined {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown } };
    return typeof parsed.error?.message === "string" ? parsed.error.message : undefined;
  } catch {
    return undefined;
  }
}
