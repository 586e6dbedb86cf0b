import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { resourceDropIn } from "./resource-limits.ts";
import { unitOf } from "./unit.ts";

const CASES: readonly (readonly [name: string, raw: string, lines: readonly string[]])[] = [
  ["a.service", "[Service]\nMemoryMax=1G\n", []],
  [
    "a.service",
    "[X-Fleet]\nMemoryNeed=512M\nCPUNeed=1.5\n",
    ["[Service]", "MemoryMax=536870912", "CPUWeight=150"],
  ],
  ["a.socket", "[X-Fleet]\nCPUNeed=0.001\n", ["[Socket]", "CPUWeight=1"]],
  ["a.slice", "[X-Fleet]\nCPUNeed=1000\n", ["[Slice]", "CPUWeight=10000"]],
  [
    "a.service",
    "[Service]\nMemoryMax=infinity\n[X-Fleet]\nMemoryNeed=1G\nCPUNeed=1\n",
    ["[Service]", "CPUWeight=100"],
  ],
  [
    "a.service",
    "[Service]\nMemoryLimit=2G\nCPUQuota=50%\n[X-Fleet]\nMemoryNeed=1G\nCPUNeed=1\n",
    [],
  ],
  ["a.timer", "[X-Fleet]\nMemoryNeed=1G\n", []],
];

for (const [name, raw, lines] of CASES)
  test(`resourceDropIn() of ${name} with ${JSON.stringify(raw)}`, () => {
    const unit = unitOf(name as UnitName, "", raw);
    assert(!("problem" in unit));
    const text = resourceDropIn(unit);
    assert.deepEqual((text ?? "").split("\n").slice(1, -1), lines);
  });
