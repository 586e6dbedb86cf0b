import { readFile, readlink } from "node:fs/promises";
import { Fault } from "#base/fault.ts";

/** A listening socket that systemd opened for this process, sd_listen_fds(3). */
export interface ActivatedSocket {
  readonly fd: number;
  /** Where it listens; undefined for TCP. */
  readonly path: string | undefined;
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
  const fds = Array.from({ length: count }, (_, i) => FIRST_FD + i);
  return Promise.all(fds.map(async (fd) => ({ fd, path: await unixPath(fd) })));
}

/** The path of a unix socket, by proc_net(5). @throws {Fault} CONFIG_INVALID for a descriptor that is no socket */
async function unixPath(fd: number): Promise<string | undefined> {
  const link = await readlink(`/proc/self/fd/${fd}`).catch(() => "nothing");
  const [, inode] = /^socket:\[(\d+)\]$/.exec(link) ?? [];
  if (inode === undefined)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot take sockets from systemd: file descriptor ${fd} is ${link}, no socket; give the socket unit ListenStream= lines only`,
    );
  const table = await readFile("/proc/self/net/unix", "utf8");
  for (const line of table.split("\n")) {
    const [, , , , , , own, path] = line.split(/\s+/);
    if (own === inode) return path ?? "";
  }
  return undefined;
}
