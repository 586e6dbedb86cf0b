import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { openUnitFiles } from "./unit-files.ts";

test("a directory for unit files that cannot be made is an error that names it", async () => {
  await assert.rejects(openUnitFiles({ units: "/proc/no/units", dropIns: tmpdir() }), {
    code: "FILE_UNWRITABLE",
    message: /^Cannot make \/proc\/no\/units for unit files: .*; choose another units_directory$/,
  });
});
