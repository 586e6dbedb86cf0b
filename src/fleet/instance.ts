import { readFile, readlink } from "node:fs/promises";

const BOOT_ID = "/proc/sys/kernel/random/boot_id"; // random(4)
/** Containers of one host share its boot and may have the same root path, but not these, namespaces(7). */
const NAMESPACES = ["/proc/self/ns/pid", "/proc/self/ns/net"];

/** The present boot of the kernel. */
export async function readBootId(): Promise<string> {
  return (await readFile(BOOT_ID, "utf8")).trim();
}

/**
 * What tells this machine from every other, also from a copy of it that has the same id: its boot, its namespaces and its root
 * directory. The same after a restart of the daemon.
 */
export async function machineInstance(root: string): Promise<string> {
  const namespaces = await Promise.all(NAMESPACES.map((path) => readlink(path)));
  return [await readBootId(), ...namespaces, root].join(" ");
}
