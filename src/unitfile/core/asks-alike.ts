import { fleetOptions } from "./fleet-section.ts";
import type { UnitFile } from "./unit-file.ts";

/** Keys whose meaning does not depend on the unit's name, but for specifiers in the value. */
const NAMELESS: ReadonlySet<string> = new Set([
  "MachineID",
  "MachineOf",
  "Conflicts",
  "Replaces",
  "MachineMetadata",
  "Global",
  "OnPartition",
  "AtMostOnce",
  "Prefer",
  "Priority",
  "MemoryNeed",
  "CPUNeed",
]);

/** Whether [X-Fleet] surely asks the same under every name, as in most templates; false where it is not known. */
export function asksAlike(file: UnitFile): boolean {
  return fleetOptions(file).every(({ name, value }) => NAMELESS.has(name) && !value.includes("%"));
}
