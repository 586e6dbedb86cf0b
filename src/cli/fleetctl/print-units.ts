import type { Columns } from "./columns.ts";
import { printTable } from "./columns.ts";
import { matchesAny } from "./find-units.ts";
import type { machineLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

type Machines = Parameters<typeof machineLegend>[1];

/** Prints what the arguments' patterns choose of the rows, one a unit; gives the exit status. */
export async function printUnits<Row extends { readonly name: string }>(
  session: Session,
  fields: readonly string[],
  rows: (api: Session["api"]) => Promise<readonly Row[]>,
  columns: (machines: Machines) => Columns<Row>,
): Promise<number> {
  const { api } = session; // refuses flags that cannot be used, which is no failure of the list
  try {
    const [all, machines] = await Promise.all([rows(api), api.machines()]);
    const shown = all.filter((row) => matchesAny(session.args, row.name));
    printTable(session, shown, fields, columns(machines));
    return 0;
  } catch (error) {
    session.err(`Error retrieving list of units from repository: ${apiSentence(error)}`);
    return 1;
  }
}
