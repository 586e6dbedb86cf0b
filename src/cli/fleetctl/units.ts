import type { SchemaUnit, SchemaUnitOption } from "#fleet/core/schema.ts";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";
import { isUnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

/** Whether a unit runs on all machines that fit instead of on one. */
export function isGlobalUnit(unit: Pick<SchemaUnit, "name" | "options">): boolean {
  return isUnitName(unit.name) && fleetSection(fileOf(unit.options), unit.name).global;
}

/** Whether a unit is done once it has run to its end. */
export function isOneshot(options: readonly SchemaUnitOption[]): boolean {
  const types = options.filter((o) => o.section === "Service" && o.name === "Type");
  return types.at(-1)?.value === "oneshot";
}

/** Whether a name is that of a template, which itself cannot run. */
export function isTemplate(name: string): boolean {
  return isUnitName(name) && unitNameParts(name).kind === "template";
}

/** Options as the API gives them; their lines are not known. */
export function fileOf(options: readonly SchemaUnitOption[]): UnitFile {
  return { options: options.map((option) => ({ ...option, line: 0 })), warnings: [] };
}
