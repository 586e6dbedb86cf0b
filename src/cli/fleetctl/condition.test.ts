import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SchemaMachine, SchemaUnit } from "#fleet/core/schema.ts";
import { isActiveWord, machinesOf, placesOf, wordFor } from "./condition.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);
const MACHINES: readonly SchemaMachine[] = [
  { id: A, primaryIP: "", metadata: { role: "web" } },
  { id: B, primaryIP: "", metadata: {} },
];

function unit(fleet: Readonly<Record<string, string>>, rest: Partial<SchemaUnit> = {}): SchemaUnit {
  const options = Object.entries(fleet).map(([name, value]) => ({
    section: "X-Fleet",
    name,
    value,
  }));
  return {
    name: "x.service",
    options,
    desiredState: "launched",
    currentState: "inactive",
    ...rest,
  };
}

test("machinesOf() gives the machine of a unit, and of a global one all that fit", () => {
  const cases: readonly (readonly [SchemaUnit, readonly string[]])[] = [
    [unit({}), []],
    [unit({}, { machineID: B }), [B]],
    [unit({ Global: "true" }), [A, B]],
    [unit({ Global: "true", MachineMetadata: "role=web" }), [A]],
    [unit({ Global: "true", MachineMetadata: "role=none" }), []],
    [unit({ Global: "true" }, { desiredState: "loaded" }), [A, B]],
    [unit({ Global: "true" }, { desiredState: "inactive" }), []],
  ];
  for (const [one, machines] of cases)
    assert.deepEqual(machinesOf(one, MACHINES), machines, JSON.stringify(one));
});

test("wordFor() says the worst of what machines say", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [[], "inactive"],
    [["active"], "active"],
    [["reloading"], "reloading"],
    [["active", "active"], "active"],
    [["active", "reloading"], "reloading"],
    [["active", "activating"], "activating"],
    [["inactive", "activating", "active"], "inactive"],
    [["inactive", "failed", "active"], "failed"],
  ];
  for (const [words, word] of cases)
    assert.equal(wordFor(words.map((active) => ({ machine: A, active, sub: "" }))), word);
});

test("a unit counts as active exactly when every machine it belongs on reports it so", () => {
  const word = fc.constantFrom("active", "reloading", "activating", "inactive", "failed", "");
  fc.assert(
    fc.property(fc.array(word), fc.array(word), (reported, silent) => {
      const belongs = [...reported, ...silent].map((_, i) => `m${i}`);
      const states = reported.map((systemdActiveState, i) => ({
        name: "x.service",
        hash: "",
        machineID: `m${i}`,
        systemdLoadState: "loaded",
        systemdActiveState,
        systemdSubState: "",
      }));
      const isActive = isActiveWord(wordFor(placesOf("x.service", belongs, states)));
      const wanted =
        belongs.length > 0 && silent.length === 0 && reported.every((w) => isActiveWord(w));
      assert.equal(isActive, wanted);
    }),
  );
});
