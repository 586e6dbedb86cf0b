const TAB_WIDTH = 8;

/**
 * Lays rows out in columns with tabs, as Go's text/tabwriter does with cells at least 0 wide, tab stops of 8,
 * padding 1 and tabs to pad with: each column is one character wider than its widest cell, rounded up to a tab stop.
 * All rows have the same number of cells. Every line ends with a newline.
 */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, cell] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, roundUp(widthOf(cell) + 1));
  return rows
    .map((row) => `${row.map((cell, column) => pad(cell, column, row.length, widths)).join("")}\n`)
    .join("");
}

function pad(cell: string, column: number, columns: number, widths: readonly number[]): string {
  if (column === columns - 1) return cell;
  return cell + "\t".repeat(Math.ceil((widths[column]! - widthOf(cell)) / TAB_WIDTH));
}

/** In code points, as tabwriter counts. */
function widthOf(cell: string): number {
  return Array.from(cell).length;
}

function roundUp(width: number): number {
  return Math.ceil(width / TAB_WIDTH) * TAB_WIDTH;
}
