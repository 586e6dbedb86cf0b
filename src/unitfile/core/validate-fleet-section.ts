import { Fault } from "#base/fault.ts";
import { type FleetSection, fleetSection } from "./fleet-section.ts";
import { isGlob, matchGlob } from "./glob.ts";
import type { UnitFile } from "./unit-file.ts";
import { optionValues } from "./unit-file.ts";
import type { UnitName } from "./unit-name.ts";

/**
 * Refuses what can never be scheduled as its [X-Fleet] section says, in fleet's words (fact `reason`).
 * @throws {Fault} UNIT_FILE_INVALID
 */
export function validateFleetSection(file: UnitFile, name: UnitName): void {
  const section = fleetSection(file, name);
  const reason = contradiction(section) ?? badValue(file, section);
  if (reason !== undefined)
    throw new Fault(
      "UNIT_FILE_INVALID",
      `Cannot use the [X-Fleet] section of ${name}: ${reason}; change or remove one of the lines`,
      { facts: { file: name, reason } },
    );
}

/** The first pair of conditions that exclude each other. */
function contradiction(section: FleetSection): string | undefined {
  const { machineOf, conflicts, replaces } = section;
  for (const peer of machineOf) {
    for (const conflict of conflicts)
      if (matchGlob(conflict, peer)) return unresolvable(peer, "conflict", conflict);
    for (const replace of replaces)
      if (matchGlob(replace, peer)) return unresolvable(peer, "replace", replace);
  }
  const hasMachine = section.machineId !== undefined;
  const pairs: readonly (readonly [string, boolean, string, boolean])[] = [
    ["MachineID", hasMachine, "Peers", machineOf.length > 0],
    ["MachineID", hasMachine, "Conflicts", conflicts.length > 0],
    ["MachineID", hasMachine, "Global", section.global],
    ["MachineID", hasMachine, "Replaces", replaces.length > 0],
    ["Global", section.global, "Peers", machineOf.length > 0],
    ["Global", section.global, "Replaces", replaces.length > 0],
    ["Conflicts", conflicts.length > 0, "Replaces", replaces.length > 0],
  ];
  const found = pairs.find(([, first, , second]) => first && second);
  return found && `${found[0]} cannot be used with ${found[2]}`;
}

/** Values of Keelson's own keys must be right; in a glob a slip would silently allow what it should prevent. */
function badValue(file: UnitFile, section: FleetSection): string | undefined {
  const partition = optionValues(file, "X-Fleet", "OnPartition").at(-1) ?? "keep";
  if (partition !== "keep" && partition !== "stop")
    return `OnPartition=${partition} is neither keep nor stop`;
  const globs = [...section.conflicts, ...section.replaces];
  const bad = globs.find((glob) => !isGlob(glob));
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not a glob pattern`;
}

function unresolvable(peer: string, kind: string, other: string): string {
  return `unresolvable requirements: peer ${JSON.stringify(peer)} matches ${kind} ${JSON.stringify(other)}`;
}
