import type { SchemaReason } from "#fleet/core/schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { addressOf, machineLegend } from "./legends.ts";
import { oneUnit } from "./one-unit.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

/** The scheduler's table for one unit: each machine, whether it fits, and why. */
export async function runExplain(session: Session): Promise<number> {
  const { api, err, flags } = session;
  const name = oneUnit(session);
  if (name === undefined) return 1;
  try {
    if ((await api.unit(name)) === undefined) {
      err(`Unit ${name} does not exist.`, "UNIT_NOT_FOUND");
      return 1;
    }
    const [{ placed, reasons }, machines] = await Promise.all([api.reasons(name), api.machines()]);
    if (inJson(session)) {
      const rows = reasons.map(({ machineID: machine, fits, reason }) => {
        const ip = addressOf(machine, machines);
        return { machine, ip, placed: machine === placed, fits, reason };
      });
      printJson(session, rows);
      return reasons.some(({ fits }) => fits) ? 0 : 1;
    }
    const columns: Columns<SchemaReason> = {
      machine: ({ machineID }) => machineLegend(machineID, machines, flags.bool("full")),
      placed: ({ machineID }) => (machineID === placed ? "yes" : ""),
      fits: ({ fits }) => (fits ? "yes" : "no"),
      reason: ({ reason }) => reason,
    };
    printTable(session, reasons, ["machine", "placed", "fits", "reason"], columns);
    return reasons.some(({ fits }) => fits) ? 0 : 1;
  } catch (error) {
    tellFailure(session, `Error explaining unit ${name}`, error);
    return 1;
  }
}
