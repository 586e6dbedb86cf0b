import type { Duplex } from "node:stream";
import type { SecureContextOptions } from "node:tls";
import type { Address } from "#base/listen.ts";
import { openRequest } from "./http-open.ts";
import { bodyText, messageOf } from "./http-request.ts";

/** What is spoken over the connection of an exec, in `Upgrade`. */
export const EXEC_PROTOCOL = "keelson-exec";
const ANSWER_MS = 10_000;

export interface UpgradeOptions {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of this computer, from which to connect. */
  readonly localAddress?: string;
}

/** The connection, with what was read of it already; or what the server said instead. */
export type Upgraded =
  | { readonly socket: Duplex; readonly head: Uint8Array }
  | { readonly status: number; readonly refusal: string };

/** Asks by POST for a connection to exec over; rejects when nobody answers. From then on the caller ends it. */
export async function httpUpgrade(
  address: Address,
  { headers, ...how }: UpgradeOptions,
  signal: AbortSignal,
  tls?: SecureContextOptions,
): Promise<Upgraded> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  const asking = { ...headers, Connection: "Upgrade", Upgrade: EXEC_PROTOCOL };
  const head = { ...how, method: "POST", headers: asking, answerMs: ANSWER_MS };
  const sent = openRequest(address, head, tls);
  const abort = () => sent.destroy(new Error("interrupted"));
  signal.addEventListener("abort", abort, { once: true });
  sent.once("upgrade", (_, socket, head) => resolve({ socket, head }));
  sent.once("response", (answer) => {
    const status = answer.statusCode ?? 502;
    const said = bodyText(answer).then((refusal) => ({
      status,
      refusal: messageOf(refusal) ?? refusal,
    }));
    said.then(resolve, reject);
  });
  sent.on("error", reject);
  sent.end();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
