import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { startedBy } from "./started-by.ts";
import { type Unit, unitOf } from "./unit.ts";

const CASES: readonly (readonly [name: string, raw: string, starts: readonly string[]])[] = [
  ["a.socket", "[Socket]\nListenStream=1\n", ["a.service"]],
  ["a@1.socket", "[Socket]\nListenStream=1\n", ["a@1.service"]],
  ["a.socket", "[Socket]\nService=b.service\nService=c.service\n", ["c.service"]],
  ["a@1.timer", "[Timer]\nUnit=b@%i.service\n", ["b@1.service"]],
  ["a.timer", "[Timer]\nOnCalendar=daily\n[X-Fleet]\nMachineOf=a.service\n", ["a.service"]],
  ["a.path", "[Path]\nUnit=b.target\n", ["b.target"]],
  ["a-b.automount", "[Automount]\nWhere=/a/b\n", ["a-b.mount"]],
  [
    "a.target",
    "[Unit]\nWants=b.service c.socket\nRequires=%p-d.service\nAfter=e.service\nRequisite=f.service\n",
    ["b.service", "c.socket", "a-d.service"],
  ],
  ["a.service", "[Service]\nExecStart=/bin/true\n", []],
];
for (const [name, raw, starts] of CASES)
  test(`startedBy() of ${name} that says ${JSON.stringify(raw)}`, () => {
    const unit = unitOf(name as UnitName, "0", raw) as Unit;
    assert.deepEqual([...startedBy(unit)], starts);
  });
