import { Fault } from "#base/fault.ts";
import { type FleetSection, fleetSection } from "#unitfile/core/fleet-section.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";
import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

/** A unit file under a name: what can be placed and run. */
export interface Unit {
  readonly name: UnitName;
  /** SHA-1 of `raw`, in hexadecimal. */
  readonly hash: string;
  readonly raw: string;
  readonly file: UnitFile;
  /** What it asks of its machine, with the specifiers of its own name expanded. */
  readonly wants: FleetSection;
  /** A template is only kept for its instances and never placed. */
  readonly isTemplate: boolean;
}

/** The unit that `raw` makes under this name, or why it makes none. */
export function unitOf(name: UnitName, hash: string, raw: string): Unit | { problem: string } {
  try {
    const file = parseUnitFile(raw, name);
    const isTemplate = unitNameParts(name).kind === "template";
    return { name, hash, raw, file, wants: fleetSection(file, name), isTemplate };
  } catch (error) {
    if (error instanceof Fault) return { problem: error.message };
    throw error;
  }
}
