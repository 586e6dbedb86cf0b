import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "#base/fault.ts";

/**
 * Where this computer's control groups are mounted. systemd keeps its tree in the `name=systemd` hierarchy of
 * version 1, in version 2, or, in the mixed layout, in both at once (systemd.io/CGROUP_DELEGATION).
 */
export async function systemdHierarchies(): Promise<readonly string[]> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  const found: string[] = [];
  for (const line of mounts.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const path = before.split(" ")[4] ?? "";
    const [type, , options = ""] = after.split(" ");
    const isSystemd = type === "cgroup" && options.split(",").includes("name=systemd");
    if (path.startsWith("/sys/fs/cgroup") && (type === "cgroup2" || isSystemd)) found.push(path);
  }
  return found;
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

  /** Ends every process in it at once; resolves when none is left. */
  async kill(): Promise<void> {
    for (let ids = await this.processes(); ids.length > 0; ids = await this.processes()) {
      const killed = await Promise.all(this.#directories.map(killWhole));
      if (!killed.includes(true)) for (const id of ids) killProcess(id);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Removes it; nothing may run in it any more. */
  async remove(): Promise<void> {
    for (const directory of this.#directories)
      for (const group of (await groupsUnder(directory)).toReversed()) await rmdir(group);
  }
}

/** Version 2 ends a whole tree in one step (kernel 5.14); false where that does not exist. */
async function killWhole(directory: string): Promise<boolean> {
  try {
    await writeFile(join(directory, "cgroup.kill"), "1", { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}

function killProcess(id: number): void {
  try {
    process.kill(id, "SIGKILL");
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error; // it ended by itself
  }
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
  return text.split("\n").filter(Boolean).map(Number);
}

function nothingThere(error: unknown): [] {
  if (isErrno(error, "ENOENT")) return [];
  throw error;
}
