import type { SchemaUnit } from "#fleet/core/schema.ts";
import { unitDescription } from "#unitfile/core/unit-file.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { type Columns, chosenFields } from "./columns.ts";
import { addressOf, HASH_LENGTH, machineLegend } from "./legends.ts";
import { printUnits } from "./print-units.ts";
import type { Session } from "./session.ts";
import { fileOf, isGlobalUnit } from "./units.ts";

export async function runListUnitFiles(session: Session): Promise<number> {
  const full = session.flags.bool("full");
  const fields = chosenFields(session, columns(new Map(), full));
  if (fields === undefined) return 1;
  if (fields.includes("tmachine"))
    session.warn('WARNING: The "tmachine" field is deprecated. Use "target" instead');
  return printUnits(session, fields, (api) => api.units(), {
    columns: (machines) => columns(machines, full),
    json: (unit, machines) => ({
      unit: unit.name,
      hash: unitHash(unit.options),
      dstate: unit.desiredState,
      state: isGlobalUnit(unit) ? null : unit.currentState,
      target: unit.machineID ?? null,
      ip: addressOf(unit.machineID, machines),
      desc: unitDescription(fileOf(unit.options)),
      global: isGlobalUnit(unit),
    }),
  });
}

function columns(
  machines: Parameters<typeof machineLegend>[1],
  full: boolean,
): Columns<SchemaUnit> {
  const target = (unit: SchemaUnit) => {
    if (isGlobalUnit(unit)) return "global";
    return unit.machineID ? machineLegend(unit.machineID, machines, full) : "";
  };
  return {
    unit: (unit) => unit.name,
    hash: (unit) => unitHash(unit.options).slice(0, full ? undefined : HASH_LENGTH),
    dstate: (unit) => unit.desiredState,
    state: (unit) => (isGlobalUnit(unit) ? "" : unit.currentState),
    target,
    tmachine: target,
    desc: (unit) => unitDescription(fileOf(unit.options)),
    global: (unit) => String(isGlobalUnit(unit)),
  };
}
