import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseMediaType } from "./media-type.ts";

for (const [text, type, error] of [
  ["text/plain", "text/plain", undefined],
  [" Text/PLAIN ; Charset=UTF-8", "text/plain", undefined],
  ['a/b; c="x; \\" y"; d=e;', "a/b", undefined],
  ["text", "text", undefined],
  ["a/b; c", "a/b", "mime: invalid media parameter"],
  ["a/b; c=d e", "a/b", "mime: invalid media parameter"],
  ["a/b; c=d; C=e", "", "mime: duplicate parameter name"],
  ["", "", "mime: no media type"],
  ["/", "", "mime: no media type"],
  ["a b", "", "mime: expected slash after first token"],
  ["a/", "", "mime: expected token after slash"],
  ["a/b c", "", "mime: unexpected content after media subtype"],
] as const)
  test(`a type of "${text}" ${error ?? "is fine"}`, () => {
    assert.deepEqual(parseMediaType(text), error === undefined ? { type } : { type, error });
  });

test("any text is read", () => {
  fc.assert(fc.property(fc.string(), (text) => typeof parseMediaType(text).type === "string"));
});
