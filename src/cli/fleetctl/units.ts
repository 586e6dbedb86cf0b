import type { SchemaUnit, SchemaUnitOption } from "#fleet/core/schema.ts";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";
import { isUnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import { unitHash } from "#unitfile/unit-hash.ts";

/** Whether a unit runs on all machines that fit instead of on one. */
export function isGlobalUnit(unit: Pick<SchemaUnit, "name" | "options">): boolean {
  return isUnitName(unit.name) && fleetSection(fileOf(unit.options), unit.name).global;
}

/** Whether the unit's text asks for a rollout where it replaces another. */
export function isRolling(unit: Pick<SchemaUnit, "name" | "options">): boolean {
  return (
    isUnitName(unit.name) && fleetSection(fileOf(unit.options), unit.name).update !== undefined
  );
}

/** What waiting for a unit needs to know of its file. */
export function traitsOf({ name, options }: Pick<SchemaUnit, "name" | "options">) {
  const types = options.filter((o) => o.section === "Service" && o.name === "Type");
  const type = types.at(-1)?.value ?? "simple";
  return {
    name,
    hash: unitHash(options),
    isOneshot: type === "oneshot",
    isTimed: options.some((o) => o.section === "X-Fleet" && o.name === "OnCalendar"),
    isActiveAtOnce: name.endsWith(".service") && ["simple", "exec", "idle"].includes(type),
  };
}

/** Whether a name is that of a template, which itself cannot run. */
export function isTemplate(name: string): boolean {
  return isUnitName(name) && unitNameParts(name).kind === "template";
}

/** Options as the API gives them; their lines are not known. */
export function fileOf(options: readonly SchemaUnitOption[]): UnitFile {
  return { options: options.map((option) => ({ ...option, line: 0 })), warnings: [] };
}
