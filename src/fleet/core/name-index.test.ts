import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { NameIndex } from "./name-index.ts";

test("NameIndex finds exactly the names that begin so", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "@"), maxLength: 5 });
  fc.assert(
    fc.property(fc.uniqueArray(word), word, (names, prefix) => {
      const found = [...new NameIndex(names as UnitName[]).beginningWith(prefix)];
      assert.deepEqual(found, names.filter((name) => name.startsWith(prefix)).sort());
    }),
  );
});
