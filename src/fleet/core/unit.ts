import { Fault } from "#base/fault.ts";
import { asksAlike } from "#unitfile/core/asks-alike.ts";
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

/**
 * The unit that `raw` makes under this name, or why it makes none.
 * @param like another unit, maybe of the same text: then both share what was read of it
 */
export function unitOf(
  name: UnitName,
  hash: string,
  raw: string,
  like?: Unit,
): Unit | { problem: string } {
  try {
    const twin = like?.raw === raw ? like : undefined;
    const file = twin?.file ?? parseUnitFile(raw, name);
    const isTemplate = unitNameParts(name).kind === "template";
    const wants = twin !== undefined && asksAlike(file) ? twin.wants : fleetSection(file, name);
    return { name, hash: twin?.hash === hash ? twin.hash : hash, raw, file, wants, isTemplate };
  } catch (error) {
    if (error instanceof Fault) return { problem: error.message };
    throw error;
  }
}
