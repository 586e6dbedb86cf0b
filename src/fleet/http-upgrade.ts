import type { Duplex } from "node:stream";
import type { Address } from "#base/listen.ts";
import { bodyText, messageOf } from "./http-request.ts";

// An import of node:http evaluates its WebSocket export too, which costs a command line 30 ms at every start.
const { request } = process.getBuiltinModule("node:http");

/** What is spoken over the connection of an exec, in `Upgrade`. */
export const EXEC_PROTOCOL = "keelson-exec";
/** Longer than any network in one place takes. */
const CONNECT_MS = 2_000;
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
  { path, headers, localAddress }: UpgradeOptions,
  signal: AbortSignal,
): Promise<Upgraded> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Upgraded>();
  const where =
    address.kind === "unix"
      ? { socketPath: address.path }
      : { host: address.host, port: address.port, ...(localAddress && { localAddress }) };
  const sent = request({
    ...where,
    method: "POST",
    path,
    headers: { ...headers, Connection: "Upgrade", Upgrade: EXEC_PROTOCOL },
    agent: false,
  });
  const abort = () => sent.destroy(new Error("interrupted"));
  signal.addEventListener("abort", abort, { once: true });
  const endAfter = (ms: number, missing: string) =>
    setTimeout(() => sent.destroy(new Error(`no ${missing} within ${ms / 1000} s`)), ms);
  const connecting = endAfter(CONNECT_MS, "connection");
  const answering = endAfter(ANSWER_MS, "answer");
  sent.once("socket", (socket) => socket.once("connect", () => clearTimeout(connecting)));
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
    clearTimeout(connecting);
    clearTimeout(answering);
    signal.removeEventListener("abort", abort);
  }
}
