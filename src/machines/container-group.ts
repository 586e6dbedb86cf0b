import { existsSync, readFileSync } from "node:fs";
import { readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import {
  type Hierarchy,
  hierarchiesIn,
  type LimitGroup,
  limitGroups,
  limitProperties,
} from "#machines/core/container-limits.ts";
import type { Equipment } from "#machines/core/machine.ts";
import { HostScope } from "#machines/host-scope.ts";
import type { MachineGroup } from "#machines/machine-group.ts";
import { OwnGroup } from "#machines/own-group.ts";

const INSIDE = "machine";
const ENTER = 'echo $$ > "$1"; shift; exec "$@"';

/** The control group of a container, within the limits of its equipment, whoever owns the tree it stands in. */
export function containerGroup(
  name: string,
  equipment: Equipment,
  clock: Clock,
  env: Readonly<Record<string, string | undefined>>,
): MachineGroup {
  if (HostScope.isNeeded()) return new HostScope(name, clock, env, limitProperties(equipment));
  return new LimitedGroup(name, equipment, clock);
}

/** A group of our own making that is also kept within limits, in the hierarchies that have their controllers. */
class LimitedGroup implements MachineGroup {
  readonly isLent = false;
  readonly #name: string;
  readonly #equipment: Equipment;
  readonly #group: OwnGroup;

  constructor(name: string, equipment: Equipment, clock: Clock) {
    this.#name = name;
    this.#equipment = equipment;
    this.#group = new OwnGroup(name, clock, INSIDE);
  }

  async command(argv: readonly string[]): Promise<readonly string[]> {
    const command = await this.#group.command(argv);
    const groups = limitGroups(await hierarchies(), this.#equipment);
    if (typeof groups === "string")
      throw this.#refused(`this computer's kernel has no ${groups} controller`);
    try {
      const files = await Promise.all(groups.map((group) => this.#limit(group)));
      return files
        .flat()
        .reduce((inner, file) => ["sh", "-ec", ENTER, "sh", file, ...inner], command);
    } catch (cause) {
      throw this.#refused(reasonOf(cause), cause);
    }
  }

  async processes(): Promise<readonly number[]> {
    return this.#group.processes();
  }

  async kill(signal: AbortSignal): Promise<void> {
    await this.#group.kill(signal);
  }

  async remove(): Promise<void> {
    await this.#group.remove();
    for (const hierarchy of await hierarchies())
      await rmdir(this.#directory(hierarchy)).catch((error: unknown) => {
        if (!isErrno(error, "ENOENT")) throw error;
      });
  }

  #directory(hierarchy: Hierarchy): string {
    return join(hierarchy.path, `${this.#name}.slice`); // in version 2 the one that OwnGroup makes
  }

  /** The files by which the machine's first process enters it; none in version 2, where it is there already. */
  async #limit({ hierarchy, controller, files }: LimitGroup): Promise<readonly string[]> {
    if (hierarchy.version === 2)
      await writeFile(join(hierarchy.path, "cgroup.subtree_control"), `+${controller}`);
    const directory = this.#directory(hierarchy);
    makeDirectory(directory);
    for (const { name, content } of files) await writeFile(join(directory, name), content);
    return hierarchy.version === 2 ? [] : [join(directory, "cgroup.procs")];
  }

  #refused(reason: string, cause?: unknown): Fault {
    return new Fault(
      "CONFIG_INVALID",
      `Cannot limit the memory or processors of ${this.#name}: ${reason}; take memory and cpus out of keelson.yaml, or run Keelson on a computer that systemd booted`,
      { cause },
    );
  }
}

async function hierarchies(): Promise<readonly Hierarchy[]> {
  return hierarchiesIn(await readFile("/proc/self/mountinfo", "utf8"), (path) => {
    const file = join(path, "cgroup.controllers");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split(" ") : [];
  });
}
