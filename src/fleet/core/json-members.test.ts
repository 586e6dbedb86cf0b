import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJson } from "./json-members.ts";

const NAMES = ["name", "desiredState", "options"];

test("parseJson() does not look at the case of the names it knows, at any depth", () => {
  assert.deepEqual(
    parseJson('{"Name":"a","DESIREDSTATE":"b","Options":[{"NAME":"c","Other":1}]}', NAMES),
    { name: "a", desiredState: "b", options: [{ name: "c", Other: 1 }] },
  );
  assert.deepEqual(parseJson('{"name":"a","Name":"b"}', NAMES), { name: "b" });
});

test("parseJson() leaves all else as JSON has it", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(parseJson(JSON.stringify(value), []), JSON.parse(JSON.stringify(value)));
    }),
  );
});
