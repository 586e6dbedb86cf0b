import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderTable } from "./table.ts";

const CASES = [
  {
    name: "a legend alone",
    rows: ["UNIT|MACHINE|ACTIVE|SUB"],
    text: "UNIT\tMACHINE\tACTIVE\tSUB\n",
  },
  {
    name: "cells up to the tab stop",
    rows: ["MACHINE|IP", "11111111...|172.31.7.11"],
    text: "MACHINE\t\tIP\n11111111...\t172.31.7.11\n",
  },
  {
    name: "a cell that fills its tab stop, which needs one more",
    rows: ["DSTATE|STATE", "launched|x", "inactive|y"],
    text: "DSTATE\t\tSTATE\nlaunched\tx\ninactive\ty\n",
  },
  {
    name: "no padding after the last cell",
    rows: ["a|b", "c|longer than that"],
    text: "a\tb\nc\tlonger than that\n",
  },
  {
    name: "code points, not UTF-16 units",
    rows: ["é😀é😀é😀é|1", "x|2"],
    text: "é😀é😀é😀é\t1\nx\t2\n",
  },
  { name: "nothing", rows: [], text: "" },
];

for (const { name, rows, text } of CASES)
  test(`renderTable() lays out ${name}`, () => {
    assert.equal(renderTable(rows.map((row) => row.split("|"))), text);
  });

test("renderTable() starts each column at the same tab stop in all rows", () => {
  const cell = fc.stringMatching(/^[a-z0-9./-]{1,30}$/);
  const table = fc
    .integer({ min: 1, max: 6 })
    .chain((columns) =>
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1 }),
    );
  fc.assert(
    fc.property(table, (rows) => {
      const lines = renderTable(rows).split("\n").slice(0, -1);
      assert.equal(lines.length, rows.length);
      const starts = lines.map((line, i) => startsOf(line, rows[i]!));
      for (const row of starts) assert.deepEqual(row, starts[0]);
    }),
  );
});

/** On which screen column each cell starts when tabs stop at every eighth. */
function startsOf(line: string, cells: readonly string[]): number[] {
  let rest = line;
  let at = 0;
  return cells.map((cell) => {
    const start = at;
    assert.ok(rest.startsWith(cell));
    rest = rest.slice(cell.length);
    at += cell.length;
    while (rest.startsWith("\t")) {
      rest = rest.slice(1);
      at = (Math.floor(at / 8) + 1) * 8;
    }
    return start;
  });
}
