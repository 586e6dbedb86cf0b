import type { SchemaResult, SchemaUnitState } from "#fleet/core/schema.ts";
import { type Columns, chosenFields } from "./columns.ts";
import { addressOf, HASH_LENGTH, machineLegend } from "./legends.ts";
import { printUnits } from "./print-units.ts";
import type { Session } from "./session.ts";

export async function runListUnits(session: Session): Promise<number> {
  const full = session.flags.bool("full");
  const fields = chosenFields(session, columns(new Map(), full));
  if (fields === undefined) return 1;
  return printUnits(session, fields, (api) => api.states({}), {
    columns: (machines) => columns(machines, full),
    json: (state, machines) => ({
      unit: state.name,
      machine: state.machineID || null,
      ip: addressOf(state.machineID, machines),
      load: state.systemdLoadState,
      active: state.systemdActiveState,
      sub: state.systemdSubState,
      hash: state.hash || null,
      result: state.result ?? null,
      health: state.health ?? null,
      healthReason: state.healthReason ?? null,
      waitsFor: state.waitsFor ?? null,
    }),
  });
}

/** `success 2026-01-01T00:00:00.000Z`; when nobody saw it end, without the time. */
export function resultText({ text, ended = "" }: SchemaResult): string {
  return `${text} ${ended}`.trim();
}

function columns(
  machines: Parameters<typeof machineLegend>[1],
  full: boolean,
): Columns<SchemaUnitState> {
  return {
    unit: (state) => state.name,
    load: (state) => state.systemdLoadState,
    active: (state) => state.systemdActiveState,
    sub: (state) => state.systemdSubState,
    machine: (state) => (state.machineID ? machineLegend(state.machineID, machines, full) : ""),
    result: ({ result }) => (result === undefined ? "" : resultText(result)),
    health: (state) => state.health ?? "",
    hash: (state) => (state.hash ?? "").slice(0, full ? undefined : HASH_LENGTH),
  };
}
