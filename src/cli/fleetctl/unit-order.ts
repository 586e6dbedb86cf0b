import { Fault } from "#base/fault.ts";
import { isOrdered } from "#fleet/core/order.ts";
import { cycleThrough, type Ordered, startLayers } from "#fleet/core/order-cycle.ts";
import { cycleText } from "#fleet/core/refuse-cycle.ts";
import type { SchemaUnit } from "#fleet/core/schema.ts";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import { isUnitName, parseUnitName } from "#unitfile/core/unit-name.ts";
import type { PreparedUnit } from "./prepare-units.ts";
import type { Session } from "./session.ts";
import { fileOf } from "./units.ts";

/** A unit that something is written of. */
export type AbleUnit = Exclude<PreparedUnit, { kind: "leave" | "refuse" }>;

/** What its text asks of the scheduler, whichever it will have. */
export function wantsOf(unit: AbleUnit) {
  return sectionOf({
    name: unit.name,
    options: unit.kind === "keep" ? unit.before.options : unit.options,
  });
}

/** The units by who comes first, groups of them, as a start is to take them. */
export function inStartOrder(units: readonly PreparedUnit[]): string[][] {
  const able = units.filter((unit) => unit.kind !== "leave" && unit.kind !== "refuse");
  const layers = startLayers(able.map((unit) => ({ name: unit.name, wants: wantsOf(unit) })));
  return layers.map((layer) => layer.map(({ name }) => name));
}

/**
 * Refuses texts by which units would wait for each other in a circle, with what the cluster has already.
 * @throws {Fault} UNIT_FILE_INVALID
 */
export async function refuseCycles(
  { api }: Session,
  prepared: readonly PreparedUnit[],
): Promise<void> {
  const changed = prepared
    .filter((unit) => unit.kind === "create" || unit.kind === "replace")
    .map((unit): Ordered => ({ name: unit.name, wants: wantsOf(unit) }));
  if (!changed.some(({ wants }) => isOrdered(wants))) return;
  const known = (await api.units()).filter(({ name }) => isUnitName(name));
  const units = new Map<string, Ordered>(
    known.map((unit) => [unit.name, { name: unit.name, wants: sectionOf(unit) }]),
  );
  for (const unit of changed) units.set(unit.name, unit);
  for (const unit of changed) {
    const cycle = cycleThrough(unit, units);
    if (cycle !== undefined)
      throw new Fault(
        "UNIT_FILE_INVALID",
        `failed creating unit ${unit.name}: ${cycleText(cycle)}`,
      );
  }
}

function sectionOf({ name, options }: Pick<SchemaUnit, "name" | "options">) {
  return fleetSection(fileOf(options), parseUnitName(name));
}
