import { readlink } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import type { Address } from "#base/listen.ts";
import { readSocketTables, socketAddress } from "#base/socket-tables.ts";

/** A listening socket that systemd opened for this process, sd_listen_fds(3). */
export interface ActivatedSocket {
  readonly fd: number;
  /** Where it listens; undefined for one of another network namespace. */
  readonly address: Address | undefined;
}

const FIRST_FD = 3; // SD_LISTEN_FDS_START
const FDS_MAX = 1_000;

/**
 * The sockets that systemd passed to process `pid`; none when it was not started for any.
 * @throws {Fault} CONFIG_INVALID
 */
export async function activatedSockets(
  env: Readonly<Record<string, string | undefined>>,
  pid: number,
): Promise<readonly ActivatedSocket[]> {
  const { LISTEN_PID: forPid, LISTEN_FDS: text } = env;
  if (text === undefined || forPid !== String(pid)) return [];
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(count <= FDS_MAX))
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot take sockets from systemd: LISTEN_FDS=${text} is no number of sockets; see sd_listen_fds(3)`,
    );
  if (count === 0) return [];
  const tables = await readSocketTables();
  const fds = Array.from({ length: count }, (_, i) => FIRST_FD + i);
  return Promise.all(
    fds.map(async (fd) => ({ fd, address: socketAddress(await inodeOf(fd), tables) })),
  );
}

/** @throws {Fault} CONFIG_INVALID for a descriptor that is no socket */
async function inodeOf(fd: number): Promise<string> {
  const link = await readlink(`/proc/self/fd/${fd}`).catch(() => "nothing");
  const [, inode] = /^socket:\[(\d+)\]$/.exec(link) ?? [];
  if (inode !== undefined) return inode;
  throw new Fault(
    "CONFIG_INVALID",
    `Cannot take sockets from systemd: file descriptor ${fd} is ${link}, no socket; give the socket unit ListenStream= lines only`,
  );
}
