import type { ClientRequest } from "node:http";
import type { SecureContextOptions } from "node:tls";
import type { Address } from "#base/listen.ts";

/** Longer than any network in one place takes; then another endpoint may be asked. */
const CONNECT_MS = 2_000;

export interface RequestHead {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Within which the head of the answer has to be there; without it the wait has no end of its own. */
  readonly answerMs?: number;
  /** Of this computer, from which to connect. */
  readonly localAddress?: string;
  readonly signal?: AbortSignal;
}

/**
 * A request on a connection of its own, by unix socket, TCP, or TLS with `tls` where the address says https; its caller
 * ends it. It fails by its `error` event, also when connecting or the answer take too long.
 */
export function openRequest(
  address: Address,
  { answerMs, ...head }: RequestHead,
  tls: SecureContextOptions = {},
): ClientRequest {
  const isSecure = address.kind === "tcp" && address.secure === true;
  const where =
    address.kind === "unix"
      ? { socketPath: address.path }
      : { host: address.host, port: address.port, ...(isSecure && tls) };
  // An import of either evaluates all its exports, which costs a command line 30 ms at every start.
  const { request } = isSecure
    ? process.getBuiltinModule("node:https")
    : process.getBuiltinModule("node:http");
  const sent = request({ ...where, ...head, agent: false });
  const endAfter = (ms: number, missing: string) =>
    setTimeout(() => sent.destroy(new Error(`no ${missing} within ${ms / 1000} s`)), ms);
  const connecting = endAfter(CONNECT_MS, "connection");
  const answering = answerMs === undefined ? undefined : endAfter(answerMs, "answer");
  const connected = isSecure ? "secureConnect" : "connect";
  sent.once("socket", (socket) => socket.once(connected, () => clearTimeout(connecting)));
  for (const answered of ["response", "upgrade"] as const)
    sent.once(answered, () => clearTimeout(answering));
  sent.once("close", () => {
    clearTimeout(connecting);
    clearTimeout(answering);
  });
  return sent;
}
