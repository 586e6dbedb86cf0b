import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { describeFacts } from "./core/template-facts.ts";
import { FILTERS } from "./core/template-filters.ts";
import { evaluated, FACTS } from "./core/template-for-tests.ts";

const REFERENCE = await readFile(
  new URL("../../docs/reference-templates.md", import.meta.url),
  "utf8",
);

test("the reference explains every filter and every group of facts", () => {
  for (const name of ["default", ...Object.keys(FILTERS)])
    assert.match(REFERENCE, new RegExp(`^\\|[^|]*\`${name}[(\`]`, "m"), name);
  for (const { name } of describeFacts(FACTS)) {
    const [group = "", below] = name.split(/[.(]/);
    assert.ok(REFERENCE.includes(below === undefined ? `\`${group}\`` : `\`${group}`), name);
  }
});

test("the reference's examples give what it says", () => {
  const rows = [...REFERENCE.matchAll(/^\| `([^`]*\{\{.*\}\}[^`]*)` \| `([^`]*)` \|$/gm)];
  assert.ok(rows.length >= 9);
  for (const [, expression = "", is] of rows)
    assert.equal(evaluated(expression.replaceAll("\\|", "|")), is);
});
