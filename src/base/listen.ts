import { lookup } from "node:dns/promises";
import { type EventEmitter, once } from "node:events";
import { unlink } from "node:fs/promises";
import { connect, createServer, isIP, type Server } from "node:net";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

/** Where a server listens: `unix:///run/fleet.sock`, `http://127.0.0.1:2379` (also `tcp://`), or with TLS `https://…`. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly secure?: true };

/** @throws {Fault} CONFIG_INVALID when `text` is neither a unix nor a plain TCP address. */
export function parseAddress(text: string): Address {
  return parse(text, /^(http|tcp):$/, "http://HOST:PORT, tcp://HOST:PORT or unix://PATH");
}

/** As `parseAddress`, for servers that can do TLS: also `https://HOST:PORT`. */
export function parseTlsAddress(text: string): Address {
  return parse(text, /^(https?|tcp):$/, "http://HOST:PORT, https://HOST:PORT or unix://PATH");
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

function parse(text: string, schemes: RegExp, expected: string): Address {
  if (text.startsWith("unix://")) return { kind: "unix", path: text.slice("unix://".length) };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const port = Number(url?.port || DEFAULT_PORTS[url?.protocol ?? ""]);
  if (url === undefined || !schemes.test(url.protocol) || Number.isNaN(port))
    throw new Fault("CONFIG_INVALID", `Cannot use address "${text}": expected ${expected}`);
  const tcp = { kind: "tcp", host: url.hostname.replace(/^\[|\]$/g, ""), port } as const;
  return url.protocol === "https:" ? { ...tcp, secure: true } : tcp;
}

/** Connections that wait to be accepted; the kernel's own limit (somaxconn) counts when it is lower, as for etcd. */
const BACKLOG = 4096;

/**
 * Makes `server` listen. A unix socket left behind by a dead process is replaced; a live one is not.
 * @throws {Fault} ADDRESS_IN_USE when something else listens there.
 */
export async function listen(
  server: EventEmitter & Pick<Server, "listen">,
  address: Address,
): Promise<void> {
  if (address.kind === "unix") await removeDeadSocket(address.path);
  const where = address.kind === "unix" ? address.path : `${address.host}:${address.port}`;
  try {
    const host = address.kind === "unix" ? "" : await hostAddress(address.host);
    const listening = once(server, "listening");
    if (address.kind === "unix") server.listen(address.path);
    else server.listen({ port: address.port, host, backlog: BACKLOG });
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

/**
 * For a look before anything is made that would be left behind. Only TCP: a unix socket's directory may be among that.
 * @throws {Fault} ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function checkFree(addresses: readonly Address[]): Promise<void> {
  for (const address of addresses) {
    if (address.kind === "unix") continue;
    const server = createServer();
    await listen(server, address);
    server.close();
    await once(server, "close");
  }
}

/** One address of a name, of the fourth version if it has one: where Go listens, and so etcd, for `localhost`. */
async function hostAddress(host: string): Promise<string> {
  return isIP(host) > 0 ? host : (await lookup(host, { order: "ipv4first" })).address;
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
