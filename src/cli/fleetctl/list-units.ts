import type { SchemaUnitState } from "#fleet/core/schema.ts";
import { type Columns, chosenFields, printTable } from "./columns.ts";
import { matchesAny } from "./find-units.ts";
import { HASH_LENGTH, machineLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

export async function runListUnits(session: Session): Promise<number> {
  const full = session.flags.bool("full");
  const { api } = session;
  const fields = chosenFields(session, columns(new Map(), full));
  if (fields === undefined) return 1;
  try {
    const [states, machines] = await Promise.all([api.states({}), api.machines()]);
    const shown = states.filter((state) => matchesAny(session.args, state.name));
    printTable(session, shown, fields, columns(machines, full));
    return 0;
  } catch (error) {
    session.err(`Error retrieving list of units from repository: ${apiSentence(error)}`);
    return 1;
  }
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
    hash: (state) => (state.hash ?? "").slice(0, full ? undefined : HASH_LENGTH),
  };
}
