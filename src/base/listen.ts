import { once } from "node:events";
import { unlink } from "node:fs/promises";
import type { Server } from "node:net";
import { connect } from "node:net";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

/** Where a server listens: `unix:///run/fleet.sock` or `http://127.0.0.1:2379` (also `tcp://`). */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** @throws {Fault} CONFIG_INVALID when `text` is neither a unix nor a TCP address. */
export function parseAddress(text: string): Address {
  if (text.startsWith("unix://")) return { kind: "unix", path: text.slice("unix://".length) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port || (url?.protocol === "http:" ? 80 : Number.NaN));
  if (url === undefined || !/^(http|tcp):$/.test(url.protocol) || Number.isNaN(port))
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use address "${text}": expected http://HOST:PORT, tcp://HOST:PORT or unix://PATH`,
    );
  return { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

/**
 * Makes `server` listen. A unix socket left behind by a dead process is replaced; a live one is not.
 * @throws {Fault} ADDRESS_IN_USE when something else listens there.
 */
export async function listen(server: Server, address: Address): Promise<void> {
  if (address.kind === "unix") await removeDeadSocket(address.path);
  const where = address.kind === "unix" ? address.path : `${address.host}:${address.port}`;
  const listening = once(server, "listening");
  if (address.kind === "unix") server.listen(address.path);
  else server.listen(address.port, address.host);
  try {
    await listening;
  } catch (cause) {
    if (isErrno(cause, "EADDRINUSE"))
      throw new Fault(
        "ADDRESS_IN_USE",
        `Cannot listen on ${where}: another program listens there; stop it or choose another address`,
        { cause },
      );
    throw new Fault("CONFIG_INVALID", `Cannot listen on ${where}: ${reasonOf(cause)}`, { cause });
  }
}

async function removeDeadSocket(path: string): Promise<void> {
  const probe = connect(path);
  try {
    await once(probe, "connect");
  } catch (error) {
    if (isErrno(error, "ECONNREFUSED")) await unlink(path);
    return;
  } finally {
    probe.destroy();
  }
  throw new Fault(
    "ADDRESS_IN_USE",
    `Cannot listen on ${path}: another program listens there; stop it or choose another address`,
  );
}
