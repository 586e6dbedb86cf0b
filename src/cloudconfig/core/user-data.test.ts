import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { userDataKind } from "./user-data.ts";

for (const [text, kind] of [
  ["", "empty"],
  ["#cloud-config", "cloud-config"],
  ["#cloud-config \t\r\nhostname: a\n", "cloud-config"],
  ["#!/bin/sh\necho\n", "script"],
  ['{"ignition": {"version": "2.0.0"}}', "ignition"],
  ['{"ignitionVersion": 1}', "ignition"],
  ["# cloud-config\n", "unknown"],
  ["\n#cloud-config\n", "unknown"],
  ["hostname: a\n", "unknown"],
  ['{"a": 1}', "unknown"],
  ["{ignition", "unknown"],
] as const)
  test(`userDataKind() of ${JSON.stringify(text)} is ${kind}`, () => {
    assert.equal(userDataKind(text), kind);
  });

test("userDataKind() takes any text", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.equal(typeof userDataKind(text), "string");
    }),
  );
});
