import { readdir, readlink } from "node:fs/promises";
import { identify, type RunningProcess } from "#machines/running-process.ts";

/**
 * Processes that entered the mount namespace of process `pid` from outside, such as the shells opened in a machine:
 * those in it that are not in `inside`.
 */
export async function visitorsOf(
  pid: number,
  inside: readonly number[],
): Promise<readonly RunningProcess[]> {
  const namespace = await mountNamespace(pid);
  if (namespace === undefined) return [];
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const visitors = ids
    .filter((id) => !inside.includes(id))
    .map(async (id) => ((await mountNamespace(id)) === namespace ? identify(id) : undefined));
  return (await Promise.all(visitors)).filter((visitor) => visitor !== undefined);
}

/** Undefined also for processes of other users. */
async function mountNamespace(pid: number): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}
