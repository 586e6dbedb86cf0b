import { stat } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import { containerName } from "#machines/core/container-network.ts";
import { KEELSON_INSIDE } from "#machines/core/container-recipe.ts";
import type { Machine } from "#machines/core/machine.ts";

export interface ContainerSettings {
  readonly machine: Machine;
  readonly tag: string;
  readonly bridge: string;
  /** Where its disk is mounted. */
  readonly root: string;
  /** Keelson's own directory on this computer. */
  readonly installation: string;
  /** Directories of this computer by their paths inside. */
  readonly volumes: Readonly<Record<string, string>>;
}

/** The arguments of systemd-nspawn(1). */
export function nspawnOptions(settings: ContainerSettings): readonly string[] {
  const { machine, tag, bridge, root, installation, volumes } = settings;
  return [
    "--quiet",
    "--boot",
    "--register=no",
    "--keep-unit",
    `--machine=${containerName(tag, machine.number)}`,
    `--hostname=${machine.name}`,
    `--directory=${root}`,
    `--network-bridge=${bridge}`,
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    "--system-call-filter=@keyring bpf", // engines for OCI containers ask for both
    `--bind-ro=${bound(installation, KEELSON_INSIDE)}`,
    ...Object.entries(volumes).map(([inside, outside]) => `--bind=${bound(outside, inside)}`),
    ...machine.equipment.folders.map(
      ({ host, path, readOnly }) => `--bind${readOnly ? "-ro" : ""}=${bound(host, path)}`,
    ),
  ];
}

function bound(outside: string, inside: string): string {
  return `${escaped(outside)}:${escaped(inside)}`;
}

/** systemd-nspawn(1): a backslash before a colon makes it part of the path. */
function escaped(path: string): string {
  return path.replaceAll("\\", "\\\\").replaceAll(":", "\\:");
}

/** @throws {Fault} FILE_UNREADABLE when a shared folder is not there. */
export async function checkFolders({ name, equipment }: Machine): Promise<void> {
  for (const { host, path } of equipment.folders) {
    const found = await stat(host).catch(() => undefined);
    if (found?.isDirectory()) continue;
    throw new Fault(
      "FILE_UNREADABLE",
      `Cannot share ${host} with ${name} as ${path}: ${found ? "it is no directory" : "there is no such directory on this computer"}; make it, or change the folders in keelson.yaml`,
    );
  }
}
