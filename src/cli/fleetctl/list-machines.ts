import type { SchemaMachine } from "#fleet/core/schema.ts";
import { type Columns, chosenFields, printTable } from "./columns.ts";
import { machineIdLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

export async function runListMachines(session: Session): Promise<number> {
  const full = session.flags.bool("full");
  const columns: Columns<SchemaMachine> = {
    machine: (machine) => machineIdLegend(machine.id, full),
    ip: (machine) => machine.primaryIP,
    metadata: (machine) => metadataText(machine.metadata),
  };
  const fields = chosenFields(session, columns);
  if (fields === undefined) return 1;
  try {
    printTable(session, await session.api.machineList(), fields, columns);
    return 0;
  } catch (error) {
    session.err(`Error retrieving list of active machines: ${apiSentence(error)}`);
    return 1;
  }
}

function metadataText(metadata: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(metadata ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(",");
}
