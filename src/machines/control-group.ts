import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault, isErrno } from "#base/fault.ts";

const KILL_LIMIT_MS = 10_000; // a killed process ends in milliseconds, unless the kernel holds it
const POLL_MS = 10;

/**
 * Where this computer's control groups are mounted. systemd keeps its tree in the `name=systemd` hierarchy of
 * version 1, in version 2, or, in the mixed layout, in both at once (systemd.io/CGROUP_DELEGATION).
 */
export async function systemdHierarchies(): Promise<readonly string[]> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  const found = new Set<string>();
  for (const line of mounts.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const path = before.split(" ")[4] ?? "";
    const [type, , options = ""] = after.split(" ");
    const isSystemd = type === "cgroup" && options.split(",").includes("name=systemd");
    if (path.startsWith("/sys/fs/cgroup") && (type === "cgroup2" || isSystemd)) found.add(path);
  }
  return [...found];
}

/** One path in every hierarchy that systemd uses; what runs in it can be ended as one. */
export class ControlGroup {
  readonly #directories: readonly string[];

  /** @param path below the hierarchies' roots, such as `keelson.slice/keelson-core\\x2d01.slice`. */
  constructor(hierarchies: readonly string[], path: string) {
    this.#directories = hierarchies.map((hierarchy) => join(hierarchy, path));
  }

  /** Makes the group with `below` inside and returns the files a process enters it by (writing its id). */
  async create(below: string): Promise<readonly string[]> {
    for (const directory of this.#directories)
      await mkdir(join(directory, below), { recursive: true });
    return this.#directories.map((directory) => join(directory, below, "cgroup.procs"));
  }

  /** Ids of all processes in it, also in groups below. */
  async processes(): Promise<readonly number[]> {
    const ids = new Set<number>();
    for (const directory of this.#directories)
      for (const group of await groupsUnder(directory))
        for (const id of await processesOf(group)) ids.add(id);
    return [...ids];
  }

  /** Ends every process in it at once; resolves when none is left. @throws {Fault} SYSTEMD_FAILED */
  async kill(clock: Clock, signal: AbortSignal): Promise<void> {
    const endMs = clock.monotonicMs() + KILL_LIMIT_MS;
    for (let ids = await this.processes(); ids.length > 0; ids = await this.processes()) {
      if (clock.monotonicMs() > endMs)
        throw new Fault(
          "SYSTEMD_FAILED",
          `Cannot end process ${ids.join(", ")} of a machine: killed, but the kernel does not let go of it; see what it waits for (ps -o pid,stat,wchan), then try again`,
        );
      await Promise.all(this.#directories.map(killWhole));
      for (const id of ids) killProcess(id); // where killWhole() does not exist
      await clock.sleep(POLL_MS, signal);
    }
  }

  /** Removes it; nothing may run in it any more. */
  async remove(): Promise<void> {
    for (const directory of this.#directories)
      for (const group of (await groupsUnder(directory)).toReversed()) await rmdir(group);
  }
}

/** Ends the process; one that ended by itself is no error. */
export function killProcess(id: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(id, signal);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}

/** Version 2 ends a whole tree in one step (kernel 5.14), so that nothing in it restarts anything. */
async function killWhole(directory: string): Promise<void> {
  await writeFile(join(directory, "cgroup.kill"), "1", { flag: "r+" }).catch(() => {});
}

/** The group and those below it, each before its children; none when it does not exist. */
async function groupsUnder(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(nothingThere);
  const below = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => groupsUnder(join(directory, entry.name))),
  );
  return entries.length === 0 ? [] : [directory, ...below.flat()];
}

async function processesOf(group: string): Promise<number[]> {
  const text = await readFile(join(group, "cgroup.procs"), "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENODEV")) return "";
    throw error;
  });
  return text
    .split("\n")
    .map(Number)
    .filter((id) => id > 0); // 0 stands for a process that this pid namespace has no number for
}

function nothingThere(error: unknown): [] {
  if (isErrno(error, "ENOENT") || isErrno(error, "ENODEV")) return [];
  throw error;
}
