import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FAULTS } from "#base/fault.ts";

test("docs/errors.md lists every fault with its exit and HTTP status, and no other", () => {
  const text = readFileSync(join(import.meta.dirname, "../docs/errors.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \|/gm)];
  const documented = Object.fromEntries(
    rows.map(([, code, exit, http]) => [code, { exit: Number(exit), http: Number(http) }]),
  );
  assert.deepEqual(documented, FAULTS);
});
