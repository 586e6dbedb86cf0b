import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SchemaUnit, SchemaUnitState } from "#fleet/core/schema.ts";
import { type Goal, judge, type Observed, type Verdict } from "./judge.ts";

interface Case {
  readonly goal: Goal;
  /** `desired current machine`, or `gone`. */
  readonly unit: string;
  /** `load active sub [hash [machine]]`. */
  readonly state?: string;
  /** Of `oneshot`, `simple`, `new` and `ran`. */
  readonly marks?: string;
  readonly verdict: string;
}

const CASES: readonly Case[] = [
  { goal: "launched", unit: "gone", verdict: "failed: was destroyed meanwhile" },
  {
    goal: "launched",
    unit: "loaded loaded A",
    verdict: "failed: was set to loaded by someone else meanwhile",
  },
  { goal: "launched", unit: "launched inactive -", verdict: "unplaced" },
  {
    goal: "launched",
    unit: "launched inactive A",
    verdict: "waiting for its machine to launch it",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    verdict: "waiting for the first report of its state",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded active running",
    verdict: "reached",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded reloading running",
    verdict: "reached",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded active running old",
    verdict: "waiting for the first report of its state",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded active running hash B",
    verdict: "waiting for the first report of its state",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded active running",
    marks: "simple",
    verdict: "after 75 ms reached",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded activating start-pre",
    verdict: "waiting for systemd, which says activating (start-pre)",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded activating auto-restart",
    verdict: "after 10000 ms failed: is activating (auto-restart)",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded failed failed",
    verdict: "after 3000 ms failed: has failed",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded failed failed",
    marks: "new",
    verdict: "after 0 ms failed: has failed",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded inactive dead",
    marks: "new",
    verdict: "after 10000 ms failed: is inactive (dead)",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded inactive dead",
    marks: "ran",
    verdict: "after 1000 ms failed: is inactive (dead)",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded inactive dead",
    marks: "oneshot ran",
    verdict: "reached",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded inactive dead",
    verdict: "after 10000 ms failed: is inactive (dead)",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "loaded inactive dead",
    marks: "oneshot",
    verdict: "after 3000 ms reached",
  },
  {
    goal: "launched",
    unit: "launched launched A",
    state: "bad-setting inactive dead",
    marks: "oneshot",
    verdict: "after 1000 ms failed: could not be loaded by systemd (bad-setting)",
  },
  { goal: "stopped", unit: "gone", verdict: "failed: was destroyed meanwhile" },
  { goal: "stopped", unit: "loaded inactive -", verdict: "unplaced" },
  { goal: "stopped", unit: "loaded inactive A", verdict: "waiting for its machine to load it" },
  { goal: "stopped", unit: "loaded loaded A", state: "loaded inactive dead", verdict: "reached" },
  { goal: "stopped", unit: "loaded loaded A", state: "loaded failed failed", verdict: "reached" },
  {
    goal: "stopped",
    unit: "loaded loaded A",
    state: "loaded deactivating stop-sigterm",
    verdict: "waiting for systemd, which says deactivating (stop-sigterm)",
  },
  {
    goal: "inactive",
    unit: "inactive inactive -",
    state: "loaded active running",
    verdict: "waiting for systemd, which says active (running)",
  },
  { goal: "inactive", unit: "inactive inactive -", verdict: "reached" },
  {
    goal: "inactive",
    unit: "inactive inactive A",
    verdict: "waiting for its machine to unload it",
  },
  { goal: "inactive", unit: "gone", verdict: "reached" },
  {
    goal: "inactive",
    unit: "gone",
    state: "loaded inactive dead",
    verdict: "waiting for its machine to unload it",
  },
  {
    goal: "inactive",
    unit: "launched inactive -",
    verdict: "failed: was set to launched by someone else meanwhile",
  },
];

for (const { goal, unit, state, marks = "", verdict } of CASES)
  test(`judge() of ${goal}, ${unit}${state ? `, ${state}` : ""}, ${marks}: ${verdict}`, () => {
    const expected = { name: "web.service", hash: "hash", ...marked(marks) };
    const observed = { unit: unitOf(unit), states: state === undefined ? [] : [stateOf(state)] };
    assert.equal(shown(judge(goal, expected, observed)), verdict);
  });

test("judge() has a verdict for whatever systemd and the API say", () => {
  const word = fc.constantFrom(
    "active",
    "inactive",
    "failed",
    "activating",
    "maintenance",
    "",
    "refreshing",
  );
  const wanted = fc.constantFrom("launched", "loaded", "inactive") as fc.Arbitrary<
    SchemaUnit["desiredState"]
  >;
  const goals = fc.constantFrom("launched", "stopped", "inactive") as fc.Arbitrary<Goal>;
  fc.assert(
    fc.property(
      goals,
      wanted,
      wanted,
      word,
      fc.boolean(),
      (goal, desired, current, active, isOneshot) => {
        const observed = {
          unit: unitOf(`${desired} ${current} A`),
          states: [stateOf(`loaded ${active} x`)],
        };
        const verdict = judge(
          goal,
          { ...marked("ran"), name: "web.service", hash: "hash", isOneshot },
          observed,
        );
        // Whatever is still up is not stopped, and what is not up is not started.
        const hasEnded = isOneshot && active === "inactive";
        if (verdict.kind === "reached" && goal === "launched" && !hasEnded)
          assert.match(active, /^(active|reloading)$/);
        if (verdict.kind === "reached" && goal === "stopped")
          assert.match(active, /^(inactive|failed|)$/);
        assert.ok(verdict.kind !== "reached" || goal !== "inactive");
      },
    ),
  );
});

function marked(marks: string) {
  const has = (mark: string) => marks.split(" ").includes(mark);
  return {
    isOneshot: has("oneshot"),
    isActiveAtOnce: has("simple"),
    isNew: has("new"),
    hasRun: has("ran"),
  };
}

function unitOf(text: string): Observed["unit"] {
  const [desiredState, currentState, machineID] = text.split(" ") as [
    SchemaUnit["desiredState"] | "gone",
    SchemaUnit["currentState"],
    string,
  ];
  if (desiredState === "gone") return undefined;
  const placed = machineID === "-" ? {} : { machineID };
  return { name: "web.service", options: [], desiredState, currentState, ...placed };
}

function stateOf(text: string): SchemaUnitState {
  const [
    systemdLoadState = "",
    systemdActiveState = "",
    systemdSubState = "",
    hash = "hash",
    machineID = "A",
  ] = text.split(" ");
  return {
    name: "web.service",
    hash,
    machineID,
    systemdLoadState,
    systemdActiveState,
    systemdSubState,
  };
}

function shown(verdict: Verdict): string {
  switch (verdict.kind) {
    case "failed":
      return `failed: ${verdict.why}`;
    case "waiting":
      return `waiting for ${verdict.for}`;
    case "settling":
      return `after ${verdict.lastsMs} ms ${shown(verdict.becomes)}`;
    case "reached":
    case "unplaced":
      return verdict.kind;
    default:
      return verdict satisfies never;
  }
}
