import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonString } from "./wire.ts";

test("jsonString() reads back as the text it was given", () => {
  const anyText = fc.string({
    unit: fc.constantFrom("\\", "b", "f", "\b", "\f", "<", "&", '"', "é", "\u2028"),
  });
  fc.assert(fc.property(anyText, (text) => JSON.parse(jsonString(text)) === text));
});

for (const [text, wire] of [
  ["C:\\bin", '"C:\\\\bin"'],
  ["\b\f", '"\\u0008\\u000c"'],
  ["<a&b>", '"\\u003ca\\u0026b\\u003e"'],
] as const)
  test(`jsonString() writes ${JSON.stringify(text)} as Go does`, () => {
    assert.equal(jsonString(text), wire);
  });
