import type { Equipment } from "./machine.ts";

/** What is mounted below /sys/fs/cgroup, cgroups(7). */
export interface Hierarchy {
  readonly path: string;
  /** Of version 1: those that are mounted there; of version 2: those that it offers. */
  readonly controllers: readonly string[];
  readonly version: 1 | 2;
}

/** A group to be made in a hierarchy, with what is written into its files, and joined by the machine's first process. */
export interface LimitGroup {
  readonly hierarchy: Hierarchy;
  readonly controller: string;
  readonly files: readonly { readonly name: string; readonly content: string }[];
}

const PERIOD_US = 100_000; // the kernel's own default

interface Limit {
  readonly controller: string;
  readonly version1: LimitGroup["files"];
  readonly version2: LimitGroup["files"];
}

/**
 * The groups that keep a machine within its equipment; empty without limits.
 * @returns the controller's name instead when this computer's kernel lacks it.
 */
export function limitGroups(
  hierarchies: readonly Hierarchy[],
  equipment: Equipment,
): readonly LimitGroup[] | string {
  const groups: LimitGroup[] = [];
  for (const { controller, version1, version2 } of limitsOf(equipment)) {
    const hierarchy = hierarchies.find((h) => h.controllers.includes(controller));
    if (hierarchy === undefined) return controller;
    groups.push({ hierarchy, controller, files: hierarchy.version === 1 ? version1 : version2 });
  }
  return groups;
}

/** The same as properties of a unit, systemd.resource-control(5). */
export function limitProperties({ memoryBytes, cpus }: Equipment): readonly string[] {
  return [
    ...(memoryBytes === undefined ? [] : [`MemoryMax=${memoryBytes}`]),
    ...(cpus === undefined ? [] : [`CPUQuota=${Math.max(1, Math.round(cpus * 100))}%`]),
  ];
}

function limitsOf({ memoryBytes, cpus }: Equipment): readonly Limit[] {
  const quotaUs = Math.max(1000, Math.round((cpus ?? 0) * PERIOD_US)); // the kernel takes no less
  const memory = {
    controller: "memory",
    version1: [{ name: "memory.limit_in_bytes", content: String(memoryBytes) }],
    version2: [{ name: "memory.max", content: String(memoryBytes) }],
  };
  const cpu = {
    controller: "cpu",
    version1: [
      { name: "cpu.cfs_period_us", content: String(PERIOD_US) },
      { name: "cpu.cfs_quota_us", content: String(quotaUs) },
    ],
    version2: [{ name: "cpu.max", content: `${quotaUs} ${PERIOD_US}` }],
  };
  return [...(memoryBytes === undefined ? [] : [memory]), ...(cpus === undefined ? [] : [cpu])];
}

/**
 * The hierarchies of version 1 and 2 among the lines of /proc/self/mountinfo.
 * @param offered gives the controllers of a hierarchy of version 2, by its mount point.
 */
export function hierarchiesIn(
  mountinfo: string,
  offered: (path: string) => readonly string[],
): readonly Hierarchy[] {
  const found = new Map<string, Hierarchy>();
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const path = before.split(" ")[4] ?? "";
    const [type, , options = ""] = after.split(" ");
    if (!path.startsWith("/sys/fs/cgroup")) continue;
    if (type === "cgroup") found.set(path, { path, controllers: options.split(","), version: 1 });
    if (type === "cgroup2") found.set(path, { path, controllers: offered(path), version: 2 });
  }
  return [...found.values()];
}
