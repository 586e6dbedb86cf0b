import { connect } from "node:net";
import { pipeline } from "node:stream/promises";
import { reasonOf } from "#base/fault.ts";
import type { Session } from "./session.ts";

/**
 * `fd-forward SOCKET`: carries standard input to a unix socket, and what comes back to standard output. Clients of the
 * original's tunnel run it on the machine that they log in to.
 */
export async function runFdForward({ args, io, err }: Session): Promise<number> {
  const [path, ...more] = args;
  if (path === undefined || more.length > 0) {
    err("Provide a single argument: the path of a unix socket");
    return 1;
  }
  const socket = connect({ path, allowHalfOpen: true });
  // When the server has said all, whoever sends may not know that it is over.
  const over = new AbortController();
  const signal = AbortSignal.any([io.signal, over.signal]);
  const sending = pipeline(io.stdin, socket, { signal }).catch(() => {}); // the other direction tells
  try {
    await pipeline(socket, io.stdout, { signal: io.signal, end: false });
    return 0;
  } catch (cause) {
    if (io.signal.aborted) throw io.signal.reason;
    err(`Cannot forward to ${path}: ${reasonOf(cause)}; see whether fleetd listens there`);
    return 1;
  } finally {
    over.abort();
    socket.destroy();
    await sending;
  }
}
