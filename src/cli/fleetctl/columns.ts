import type { Session } from "./session.ts";
import { renderTable } from "./table.ts";

/** How each column that can be asked for shows a row. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => string>>;

/** The columns `--fields` asks for; undefined after saying what is wrong with them. */
export function chosenFields(session: Session, columns: Columns<never>): string[] | undefined {
  const fields = session.flags.text("fields");
  if (fields === "") {
    session.err("Must define output format");
    return undefined;
  }
  const chosen = fields.split(",");
  const unknown = chosen.find((field) => !Object.hasOwn(columns, field));
  if (unknown === undefined) return chosen;
  session.err(`Invalid key in output format: ${JSON.stringify(unknown)}`);
  return undefined;
}

/** Prints rows as a table, under a legend unless `--no-legend`; empty cells show `-`. */
export function printTable<Row>(
  session: Session,
  rows: readonly Row[],
  fields: readonly string[],
  columns: Columns<Row>,
): void {
  const legend = session.flags.bool("no-legend") ? [] : [fields.map((f) => f.toUpperCase())];
  const cells = rows.map((row) => fields.map((field) => cell(columns[field]!(row))));
  session.io.stdout.write(renderTable([...legend, ...cells]));
}

/** Tabs and newlines inside a cell would break the table. */
function cell(text: string): string {
  return text.replace(/[\t\n\v\f\r]+/g, " ") || "-";
}
