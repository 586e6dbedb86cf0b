import { Fault } from "#base/fault.ts";
import { fleetErrors } from "./check-fleet-option.ts";
import { type FleetSection, fleetOptions, fleetSection } from "./fleet-section.ts";
import { matchGlob } from "./glob.ts";
import type { UnitFile } from "./unit-file.ts";
import type { UnitName } from "./unit-name.ts";

/**
 * Refuses an [X-Fleet] section with an unknown key or a bad value, and one that can never be scheduled as it says.
 * The fact `reason` says why in fleet's words where it has them.
 * @throws {Fault} UNIT_FILE_INVALID, with the fact `line` when one line is to blame
 */
export function validateFleetSection(file: UnitFile, name: UnitName): void {
  const [first] = fleetErrors(file, name);
  if (first !== undefined) {
    const { line, message, advice } = first;
    const reason = `${message} in line ${line}: ${advice}`;
    throw new Fault("UNIT_FILE_INVALID", `Cannot use ${name} line ${line}: ${message}; ${advice}`, {
      facts: { file: name, line, reason },
    });
  }
  const reason = contradiction(fleetSection(file, name)) ?? partitionContradiction(file, name);
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
    // A global unit is not chosen a machine for, so nothing of how one is chosen can count.
    ["Global", section.global, "MaxPerMachine", section.maxPerMachine.length > 0],
    ["Global", section.global, "Prefer", section.prefer.length > 0],
    ["Global", section.global, "Spread", section.spread !== undefined],
    ["Global", section.global, "Priority", section.priority !== 0],
    ["Global", section.global, "OnCalendar", section.timer !== undefined],
    ["Global", section.global, "OnUnhealthy=move", section.health?.onUnhealthy === "move"],
  ];
  const found = pairs.find(([, first, , second]) => first && second);
  return found && `${found[0]} cannot be used with ${found[2]}`;
}

function partitionContradiction(file: UnitFile, name: UnitName): string | undefined {
  const { atMostOnce, global } = fleetSection(file, name);
  if (!atMostOnce) return undefined;
  if (global) return "Global cannot be used with AtMostOnce";
  const partition = fleetOptions(file).findLast((option) => option.name === "OnPartition");
  return partition?.value === "keep"
    ? "OnPartition=keep cannot be used with AtMostOnce"
    : undefined;
}

function unresolvable(peer: string, kind: string, other: string): string {
  return `unresolvable requirements: peer ${JSON.stringify(peer)} matches ${kind} ${JSON.stringify(other)}`;
}
