import assert from "node:assert/strict";
import { test } from "node:test";
import { goDuration } from "#keys/core/go-duration.ts";

for (const [ms, text] of [
  [0, "0s"],
  [0.25, "250µs"],
  [1.5, "1.5ms"],
  [999, "999ms"],
  [1000, "1s"],
  [2177.778856, "2.177779s"],
  [60_000, "1m0s"],
  [165_780.5, "2m45.7805s"],
  [3_600_000, "1h0m0s"],
  [90_061_001, "25h1m1.001s"],
] as const)
  test(`${ms} ms is ${text}`, () => assert.equal(goDuration(ms), text));
