import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { FLEET_KEYS, fleetWarnings } from "#unitfile/core/check-fleet-option.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import { parseUnitName } from "#unitfile/core/unit-name.ts";
import { validateFleetSection } from "#unitfile/core/validate-fleet-section.ts";

const text = await readFile(new URL("../docs/reference-units.md", import.meta.url), "utf8");
const name = parseUnitName("web@1.service");

test("docs/reference-units.md has every key of [X-Fleet]", () => {
  for (const key of FLEET_KEYS) assert.match(text, new RegExp(`\`${key}[=\`]`), key);
});

test("the examples of docs/reference-units.md are accepted as they are", () => {
  const examples = [...text.matchAll(/```ini\n([^]*?)```/g)].map(([, example = ""]) => example);
  assert.ok(examples.length >= 5);
  for (const example of examples) {
    const file = parseUnitFile(example, "example");
    validateFleetSection(file, name);
    assert.deepEqual(fleetWarnings(file, name), []);
  }
});
