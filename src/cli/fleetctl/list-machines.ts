import type { SchemaMachine } from "#fleet/core/schema.ts";
import { type Columns, chosenFields, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { machineIdLegend } from "./legends.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

export async function runListMachines(session: Session): Promise<number> {
  const full = session.flags.bool("full");
  const columns: Columns<SchemaMachine> = {
    machine: (machine) => machineIdLegend(machine.id, full),
    ip: (machine) => machine.primaryIP,
    metadata: (machine) => metadataText(machine.metadata),
    host: ({ hostName }) => hostName ?? "",
    state: ({ state }) => state ?? "ready",
  };
  const fields = chosenFields(session, columns);
  if (fields === undefined) return 1;
  try {
    const machines = await session.api.machineList();
    if (inJson(session)) printJson(session, machines.map(jsonMachine));
    else printTable(session, machines, fields, columns);
    return 0;
  } catch (error) {
    tellFailure(session, "Error retrieving list of active machines", error);
    return 1;
  }
}

function jsonMachine({ id, primaryIP, metadata, hostName, state }: SchemaMachine): object {
  const host = hostName ?? null;
  return { machine: id, ip: primaryIP || null, metadata, host, state: state ?? "ready" };
}

function metadataText(metadata: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(metadata ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .toSorted()
    .join(",");
}
