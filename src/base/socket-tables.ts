import { readFile } from "node:fs/promises";
import type { Address } from "./listen.ts";

/** The kernel's tables of sockets: unix(7), and /proc/net/tcp and tcp6 of proc_net(5). */
export interface SocketTables {
  readonly unix: string;
  readonly tcp: string;
  readonly tcp6: string;
}

/** Of the network namespace that this process is in. */
export async function readSocketTables(): Promise<SocketTables> {
  const read = (name: string) => readFile(`/proc/self/net/${name}`, "utf8").catch(() => "");
  const [unix, tcp, tcp6] = await Promise.all(["unix", "tcp", "tcp6"].map(read));
  return { unix: unix ?? "", tcp: tcp ?? "", tcp6: tcp6 ?? "" };
}

/** Where the socket of this inode is bound; undefined when it is in no table. */
export function socketAddress(
  inode: string,
  { unix, tcp, tcp6 }: SocketTables,
): Address | undefined {
  for (const line of unix.split("\n")) {
    const [, , , , , , own, path = ""] = line.split(/\s+/);
    if (own === inode) return { kind: "unix", path };
  }
  for (const line of [...tcp.split("\n"), ...tcp6.split("\n")]) {
    const [, local = "", , , , , , , , own] = line.trim().split(/\s+/);
    const [host = "", port = ""] = local.split(":");
    if (own === inode) return { kind: "tcp", host: hostOf(host), port: Number.parseInt(port, 16) };
  }
  return undefined;
}

/** The kernel writes an address as little-endian numbers of four bytes. */
function hostOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => word.match(/../g)?.toReversed() ?? []);
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  const groups = bytes.join("").match(/.{4}/g) ?? [];
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1); // as RFC 5952 has it
}
