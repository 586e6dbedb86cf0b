import assert from "node:assert/strict";
import { test } from "node:test";
import { readMetadataPatch } from "./metadata-patch.ts";

const ID = "11111111000000000000000000f1ee71";
const at = (name: string) => `/${ID}/metadata/${name}`;

test("readMetadataPatch() reads both forms of a value, and removing is setting to nothing", () => {
  const cases: readonly (readonly [operation: object, name: string, value: string])[] = [
    [{ op: "add", path: at("disk"), value: { value: "ssd" } }, "disk", "ssd"],
    [{ op: "replace", path: at("A.b_c-1"), value: "x y=z" }, "A.b_c-1", "x y=z"],
    [{ Op: "add", Path: at("disk"), Value: { Value: "ssd" } }, "disk", "ssd"],
    [{ op: "remove", path: at("disk"), value: { value: "ignored" } }, "disk", ""],
  ];
  for (const [operation, name, value] of cases)
    assert.deepEqual(readMetadataPatch(JSON.stringify([operation])), [
      { machine: ID, name, value },
    ]);
  assert.deepEqual(readMetadataPatch("[]"), []);
});

test("readMetadataPatch() refuses a patch as a whole, in the original's words", () => {
  const good = { op: "add", path: at("disk"), value: "ssd" };
  const cases: readonly (readonly [operation: unknown, message: string])[] = [
    [{ ...good, op: "test" }, "invalid op: expect add, remove, or replace"],
    [{ ...good, path: at("") }, "machine metadata path invalid"],
    [{ ...good, path: at("a b") }, "machine metadata path invalid"],
    [{ ...good, path: at("a/b") }, "machine metadata path invalid"],
    [{ ...good, value: undefined }, "invalid value: add and replace require a value"],
    [{ ...good, value: {} }, "invalid value: add and replace require a value"],
    [{ ...good, value: { value: "" } }, "invalid value: add and replace require a value"],
    [{ ...good, path: "/x/metadata/a" }, "x is no machine id"],
  ];
  for (const [operation, message] of cases)
    assert.equal(readMetadataPatch(JSON.stringify([good, operation])), message);
  for (const text of ["", "{", "{}", "null", "[1]", '[{"op":"add"}]', '[{"op":1,"path":"x"}]'])
    assert.equal(typeof readMetadataPatch(text), "string", text);
});
