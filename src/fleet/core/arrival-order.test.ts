import assert from "node:assert/strict";
import { test } from "node:test";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import { parseUnitName } from "#unitfile/core/unit-name.ts";
import { arrivalOrder } from "./arrival-order.ts";

for (const [what, units, order] of [
  ["by name", { b: [], a: [] }, "a b"],
  ["global units first", { a: [], z: ["Global=true"] }, "z a"],
  ["who replaces before others", { a: ["Priority=9"], z: ["Replaces=x.service"] }, "z a"],
  ["by Priority", { a: ["Priority=-1"], b: [], c: ["Priority=1"] }, "c b a"],
  ["peers before who wants to be with them", { a: ["MachineOf=z.service"], z: [], m: [] }, "z a m"],
  [
    "peers by turn, whichever line names them",
    {
      a: ["Priority=5", "MachineOf=z.service", "MachineOf=n*"],
      z: [],
      n1: ["Priority=-5"],
      n2: [],
    },
    "n2 z n1 a",
  ],
  [
    "units that want each other end somewhere",
    { a: ["MachineOf=b.service"], b: ["MachineOf=a.service"] },
    "b a",
  ],
] as const satisfies readonly [string, Record<string, readonly string[]>, string][])
  test(`arrivalOrder() takes ${what}`, () => {
    const arrivals = Object.entries<readonly string[]>(units).map(([name, lines]) => ({
      name: `${name}.service`,
      wants: wantsOf(`${name}.service`, lines),
    }));
    const names = arrivalOrder(arrivals).map(({ name }) => name.replace(".service", ""));
    assert.equal(names.join(" "), order);
  });

function wantsOf(name: string, lines: readonly string[]) {
  const text = `[Service]\nExecStart=/bin/true\n[X-Fleet]\n${lines.join("\n")}\n`;
  return fleetSection(parseUnitFile(text, name), parseUnitName(name));
}
