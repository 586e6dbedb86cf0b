import type { SchemaReason } from "#fleet/core/schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { machineLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/** The scheduler's table for one unit: each machine, whether it fits, and why. */
export async function runExplain(session: Session): Promise<number> {
  const { api, args, err, flags } = session;
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0) {
    err("One unit must be provided");
    return 1;
  }
  const name = unitNameOf(arg);
  try {
    if ((await api.unit(name)) === undefined) {
      err(`Unit ${name} does not exist.`);
      return 1;
    }
    const [{ placed, reasons }, machines] = await Promise.all([api.reasons(name), api.machines()]);
    const columns: Columns<SchemaReason> = {
      machine: ({ machineID }) => machineLegend(machineID, machines, flags.bool("full")),
      placed: ({ machineID }) => (machineID === placed ? "yes" : ""),
      fits: ({ fits }) => (fits ? "yes" : "no"),
      reason: ({ reason }) => reason,
    };
    printTable(session, reasons, ["machine", "placed", "fits", "reason"], columns);
    return reasons.some(({ fits }) => fits) ? 0 : 1;
  } catch (error) {
    err(`Error explaining unit ${name}: ${apiSentence(error)}`);
    return 1;
  }
}
