import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ScalarKind, scalarKind, toBoolean, toInteger } from "./scalar-kind.ts";

// Answers of go-yaml 1, as the original uses it.
const KINDS: Readonly<Record<ScalarKind, readonly string[]>> = {
  bool: ["y", "Yes", "on", "TRUE", "n", "NO", "Off", "false"],
  int: ["0", "-1", "+12", "0644", "0o17", "0x1F", "0b101", "1_000", "9223372036854775807"],
  float: ["1.5", ".5", "1.", "1e3", "0899", "9223372036854775808", "+Inf", "-.inf", ".nan", ".0_3"],
  string: ["a", "tRue", "yES", "1.2.3", "0xg", "1h", "-", "1e400", "2016-01-01", "inf", "_1"],
};

for (const [kind, texts] of Object.entries(KINDS))
  test(`scalarKind() takes ${texts.join(" ")} for ${kind}`, () => {
    for (const text of texts) {
      assert.equal(scalarKind({ kind: "text", line: 1, text }), kind, text);
      assert.equal(scalarKind({ kind: "text", line: 1, text, isQuoted: true }), "string", text);
    }
  });

test("toInteger() reads octal, hexadecimal and binary as Go does", () => {
  const read = ["010", "0o10", "0x10", "0b10", "-010", "1_0", "1.0", "", "0_7"].map(toInteger);
  assert.deepEqual(read, [8, 8, 16, 2, -8, 10, undefined, undefined, 7]);
});

test("toInteger() and toBoolean() read what scalarKind() takes for one", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), (text) => {
      const kind = scalarKind({ kind: "text", line: 1, text });
      assert.equal(toInteger(text) !== undefined, kind === "int");
      assert.equal(toBoolean(text) !== undefined, kind === "bool");
    }),
  );
});
