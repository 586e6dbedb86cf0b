import type { Columns } from "./columns.ts";
import { printTable } from "./columns.ts";
import { matchesAny } from "./find-units.ts";
import { inJson, printJson } from "./json.ts";
import type { machineLegend } from "./legends.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

type Machines = Parameters<typeof machineLegend>[1];

/** How a list of units shows its rows. */
export interface RowForms<Row> {
  readonly columns: (machines: Machines) => Columns<Row>;
  /** A row of `--json`. */
  readonly json: (row: Row, machines: Machines) => object;
}

/** Prints what the arguments' patterns choose of the rows, one a unit; gives the exit status. */
export async function printUnits<Row extends { readonly name: string }>(
  session: Session,
  fields: readonly string[],
  rows: (api: Session["api"]) => Promise<readonly Row[]>,
  forms: RowForms<Row>,
): Promise<number> {
  const { api } = session; // refuses flags that cannot be used, which is no failure of the list
  try {
    const [all, machines] = await Promise.all([rows(api), api.machines()]);
    const shown = all.filter((row) => matchesAny(session.args, row.name));
    if (inJson(session))
      printJson(
        session,
        shown.map((row) => forms.json(row, machines)),
      );
    else printTable(session, shown, fields, forms.columns(machines));
    return 0;
  } catch (error) {
    tellFailure(session, "Error retrieving list of units from repository", error);
    return 1;
  }
}
