import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SchemaUnit, SchemaUnitState } from "#fleet/core/schema.ts";
import type { AwaitedState } from "./awaited.ts";
import type { Observed, Verdict } from "./judge.ts";
import { judgeAwaited } from "./judge-awaited.ts";

const ABOUT = { hash: "new", isActiveAtOnce: false };
const A = "a".repeat(32);
const B = "b".repeat(32);

/** As the API shows a global unit: on no machine of its own. */
const GLOBAL: SchemaUnit = {
  name: "x.service",
  options: [],
  desiredState: "launched",
  currentState: "inactive",
};

function unit(rest: Partial<SchemaUnit> = {}): SchemaUnit {
  return { ...GLOBAL, currentState: "launched", machineID: A, ...rest };
}

function state(active: string, rest: Partial<SchemaUnitState> = {}): SchemaUnitState {
  return {
    name: "x.service",
    hash: "new",
    machineID: A,
    systemdLoadState: "loaded",
    systemdActiveState: active,
    systemdSubState: active,
    ...rest,
  };
}

const CASES: readonly (readonly [string, AwaitedState, Observed, string])[] = [
  ["active", "active", { unit: unit(), states: [state("active")], machines: [A] }, "reached"],
  ["reloading", "active", { unit: unit(), states: [state("reloading")], machines: [A] }, "reached"],
  ["no check", "healthy", { unit: unit(), states: [state("active")], machines: [A] }, "reached"],
  [
    "well",
    "healthy",
    { unit: unit(), states: [state("active", { health: "healthy" })], machines: [A] },
    "reached",
  ],
  [
    "not checked yet",
    "healthy",
    { unit: unit(), states: [state("active", { health: "unknown" })], machines: [A] },
    "waiting",
  ],
  [
    "ill",
    "healthy",
    {
      unit: unit(),
      states: [state("active", { health: "unhealthy", healthReason: "HTTP status 500" })],
      machines: [A],
    },
    "waiting",
  ],
  [
    "well, not active",
    "healthy",
    { unit: unit(), states: [state("failed", { health: "healthy" })], machines: [A] },
    "settling failed",
  ],
  [
    "ill on one of two",
    "healthy",
    {
      unit: GLOBAL,
      states: [
        state("active", { health: "healthy" }),
        state("active", { machineID: B, health: "unhealthy" }),
      ],
      machines: [A, B],
    },
    "waiting",
  ],
  ["unplaced", "active", { unit: unit(), states: [], machines: [] }, "unplaced"],
  [
    "old file",
    "active",
    { unit: unit(), states: [state("active", { hash: "old" })], machines: [A] },
    "waiting",
  ],
  [
    "elsewhere",
    "active",
    { unit: unit(), states: [state("active", { machineID: B })], machines: [A] },
    "waiting",
  ],
  [
    "not launched",
    "active",
    { unit: unit({ currentState: "loaded" }), states: [state("active")], machines: [A] },
    "waiting",
  ],
  [
    "not wanted",
    "active",
    { unit: unit({ desiredState: "loaded" }), states: [state("active")], machines: [A] },
    "waiting",
  ],
  [
    "failed",
    "active",
    { unit: unit(), states: [state("failed")], machines: [A] },
    "settling failed",
  ],
  [
    "no such file",
    "active",
    {
      unit: unit(),
      states: [state("inactive", { systemdLoadState: "bad-setting" })],
      machines: [A],
    },
    "settling failed",
  ],
  [
    "destroyed",
    "active",
    { unit: undefined, states: [state("active")], machines: [] },
    "failed missing",
  ],
  [
    "global on all",
    "active",
    {
      unit: GLOBAL,
      states: [state("active"), state("active", { machineID: B })],
      machines: [A, B],
    },
    "reached",
  ],
  [
    "global on one",
    "active",
    { unit: GLOBAL, states: [state("active")], machines: [A, B] },
    "waiting",
  ],
  ["global on none", "active", { unit: GLOBAL, states: [], machines: [] }, "unplaced"],
  [
    "global, one down",
    "active",
    {
      unit: GLOBAL,
      states: [state("active"), state("failed", { machineID: B })],
      machines: [A, B],
    },
    "settling failed",
  ],
  ["launched", "launched", { unit: unit(), states: [state("failed")], machines: [A] }, "reached"],
  ["unreported", "launched", { unit: unit(), states: [], machines: [A] }, "waiting"],
  [
    "placed",
    "placed",
    { unit: unit({ currentState: "inactive" }), states: [], machines: [A] },
    "reached",
  ],
  [
    "loaded",
    "placed",
    { unit: unit({ desiredState: "loaded" }), states: [], machines: [A] },
    "reached",
  ],
  [
    "not loaded",
    "placed",
    { unit: unit({ desiredState: "inactive" }), states: [], machines: [] },
    "waiting",
  ],
  ["without a place", "placed", { unit: unit(), states: [], machines: [] }, "unplaced"],
  ["down", "inactive", { unit: unit(), states: [state("inactive")], machines: [A] }, "reached"],
  ["nowhere", "inactive", { unit: unit(), states: [], machines: [] }, "reached"],
  [
    "going down",
    "inactive",
    { unit: unit(), states: [state("deactivating")], machines: [A] },
    "waiting",
  ],
  [
    "up elsewhere",
    "inactive",
    { unit: unit(), states: [state("active", { machineID: B })], machines: [A] },
    "waiting",
  ],
  [
    "failed instead",
    "inactive",
    { unit: unit(), states: [state("failed")], machines: [A] },
    "settling failed",
  ],
  ["failed", "failed", { unit: unit(), states: [state("failed")], machines: [A] }, "reached"],
  [
    "failed elsewhere",
    "failed",
    { unit: unit(), states: [state("failed", { machineID: B })], machines: [A] },
    "waiting",
  ],
  ["well", "failed", { unit: unit(), states: [state("active")], machines: [A] }, "waiting"],
  ["gone", "gone", { unit: undefined, states: [], machines: [] }, "reached"],
  [
    "being stopped",
    "gone",
    { unit: undefined, states: [state("deactivating")], machines: [] },
    "waiting",
  ],
  ["there", "gone", { unit: unit(), states: [], machines: [A] }, "waiting"],
];

for (const [name, awaited, seen, kind] of CASES)
  test(`judgeAwaited() for ${awaited}: ${name}`, () => {
    assert.equal(inShort(judgeAwaited(awaited, ABOUT, seen)), kind);
  });

test("judgeAwaited() confirms that a process stays that is active at once", () => {
  const seen = { unit: unit(), states: [state("active")], machines: [A] };
  const verdict = judgeAwaited("active", { ...ABOUT, isActiveAtOnce: true }, seen);
  assert.equal(inShort(verdict), "settling reached");
});

test("judgeAwaited() never takes a unit for active that some machine of its own does not have active", () => {
  const word = fc.constantFrom("active", "reloading", "activating", "inactive", "failed");
  const states = fc.array(
    fc.record({ active: word, hash: fc.constantFrom("new", "old"), on: fc.constantFrom(A, B) }),
  );
  fc.assert(
    fc.property(fc.subarray([A, B]), states, (machines, all) => {
      const reports = all
        .filter(({ on }, i) => all.findIndex((other) => other.on === on) === i)
        .map(({ active, hash, on }) => state(active, { hash, machineID: on }));
      const verdict = judgeAwaited("active", ABOUT, { unit: GLOBAL, states: reports, machines });
      const isUp = machines.every((machine) =>
        reports.some(
          (s) =>
            s.machineID === machine &&
            s.hash === "new" &&
            ["active", "reloading"].includes(s.systemdActiveState),
        ),
      );
      assert.equal(verdict.kind === "reached", isUp && machines.length > 0);
    }),
  );
});

function inShort(verdict: Verdict): string {
  if (verdict.kind === "settling") return `settling ${verdict.becomes.kind}`;
  return verdict.kind === "failed" && verdict.isMissing ? "failed missing" : verdict.kind;
}
