import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { explain } from "./explain.ts";
import { machineState } from "./machine-state.ts";
import { fateOf } from "./reconcile.ts";
import { type Sample, sampleCluster, sampleMachine, shortMachine } from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

const WEB = "web.service" as UnitName;

test("a cordoned machine gets no unit, keeps those it has, and explain says who cordoned it and why", () => {
  const model = sampleCluster({
    machines: { a: "", b: "" },
    units: { "web.service": {}, "x.service": { on: "a" }, "y.service": { on: "b" } },
    cordoned: ["a"],
  });
  const decisions = schedule(model, new Map(), "all");
  assert.deepEqual(
    decisions.map(({ kind, unit }) => [kind, unit]),
    [["place", "web.service"]],
  );
  assert.equal(shortMachine("to" in decisions[0]! ? decisions[0].to : ""), "b");
  assert.deepEqual(explain(model, WEB, new Map())?.reasons[0], {
    machineID: sampleMachine("a"),
    fits: false,
    reason: "machine is cordoned by alice: new disk",
  });
});

test("a unit whose only machine is cordoned waits; one that has to leave it does not stay", () => {
  const waiting = sampleCluster({
    machines: { a: "" },
    units: { "web.service": {} },
    cordoned: ["a"],
  });
  assert.equal(schedule(waiting, new Map(), "all")[0]?.kind, "wait");
  const replaced = sampleCluster({
    machines: { a: "" },
    units: {
      "new.service": { fleet: ["Conflicts=web.service"], on: "a" },
      "web.service": { on: "a" },
    },
    cordoned: ["a"],
  });
  assert.deepEqual(
    schedule(replaced, new Map(), "all").map(({ kind, unit }) => [kind, unit]),
    [["unplace", "web.service"]],
  );
});

test("a cordon that cannot be read counts; an unreadable drain moves nothing", () => {
  const model = sampleCluster({ machines: { a: "", b: "" }, units: {} });
  const [a, b] = [sampleMachine("a"), sampleMachine("b")];
  const after = { value: "yes", modifiedIndex: 99 };
  model.apply({ key: model.keys.machine(a, "cordoned"), after, by: undefined });
  model.apply({ key: model.keys.machine(b, "draining"), after, by: undefined });
  assert.equal(machineState(model, a), "cordoned");
  assert.equal(machineState(model, b), "ready");
  assert.equal(model.problems.size, 2);
});

const STATES: readonly [given: Partial<Sample>, on: string | undefined, state: string][] = [
  [{}, undefined, "ready"],
  [{ cordoned: ["a"] }, "a", "cordoned"],
  [{ cordoned: ["a"], draining: { a: "under way" } }, "a", "draining"],
  [{ draining: { a: "under way" } }, "b", "drained"],
  [{ machines: { b: "" } }, "a", "gone"],
];
for (const [given, on, state] of STATES)
  test(`a machine is ${state} with ${JSON.stringify(given)} and web.service on ${on}`, () => {
    const units = { "web.service": on === undefined ? {} : { on } };
    const model = sampleCluster({ machines: { a: "", b: "" }, units, ...given });
    assert.equal(machineState(model, sampleMachine("a")), state);
  });

test("global units: older than a cordon run on, newer wait, and an overdue drain ends all", () => {
  const fate = (given: Partial<Sample>, isLoaded: boolean, isNewer: boolean) => {
    const model = sampleCluster({
      machines: { a: "" },
      units: { "web.service": { fleet: ["Global=true"] } },
      ...given,
    });
    // In a sample, marks come before units.
    if (!isNewer) {
      const key = model.keys.machine(sampleMachine("a"), "cordoned");
      const value = JSON.stringify({ by: "alice", at: "", why: "" });
      if (given.cordoned) model.apply({ key, after: { value, modifiedIndex: 99 }, by: undefined });
    }
    const me = model.machines.get(sampleMachine("a"))!;
    return fateOf(model, me, WEB, isLoaded ? "h" : undefined).kind;
  };
  assert.equal(fate({}, false, true), "run");
  assert.equal(fate({ cordoned: ["a"] }, false, false), "run");
  assert.equal(fate({ cordoned: ["a"] }, true, true), "run");
  assert.equal(fate({ cordoned: ["a"] }, false, true), "remove");
  assert.equal(fate({ draining: { a: "under way" } }, true, true), "run");
  assert.equal(fate({ draining: { a: "over" } }, true, true), "remove");
});
