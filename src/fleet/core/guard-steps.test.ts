import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { guardSteps, needlessLocks } from "./guard-steps.ts";
import { reconcile } from "./reconcile.ts";
import { sampleCluster, sampleMachine } from "./sample-cluster.ts";

const ONCE = "once.service" as UnitName;
const STOP = "stop.service" as UnitName;
const FREE = "free.service" as UnitName;
const A = sampleMachine("a");
const B = sampleMachine("b");
const model = sampleCluster({
  machines: { a: "", b: "" },
  units: {
    "once.service": { fleet: ["AtMostOnce=yes"], on: "a" },
    "stop.service": { fleet: ["OnPartition=stop"], on: "a" },
    "free.service": { on: "a" },
  },
});

type Here = Partial<Record<string, "running" | "launched" | "loaded">>;

function loadedOf(here: Here) {
  return new Map(
    Object.entries(here).map(([name, how]) => [
      name as UnitName,
      {
        hash: model.jobs.get(name as UnitName)!.hash!,
        launched: how === "launched",
        runDone: undefined,
        run: 0,
        loadState: "loaded",
        activeState: how === "loaded" ? "inactive" : "active",
      },
    ]),
  );
}

/** What agent a may do, as `KIND UNIT` with `+` for a start. */
function steps(here: Here, leaseHeld: boolean, holder: typeof A | undefined) {
  const loaded = loadedOf(here);
  const wanted = reconcile(model, model.machines.get(A)!, loaded);
  const note = holder && { value: { machine: holder }, index: 7 };
  const guard = { me: A, leaseHeld, holder: () => note };
  return guardSteps(model, wanted, loaded, guard).map((step) => {
    const name = "unit" in step ? step.unit.name : step.name;
    return `${step.kind} ${name}${"start" in step && step.start ? " +" : ""}`;
  });
}

test("guardSteps() starts what may be started now, and loads the rest", () => {
  const all = [`load ${FREE} +`, `load ${ONCE} +`, `load ${STOP} +`];
  assert.deepEqual(steps({}, true, undefined), all);
  assert.deepEqual(steps({}, true, A), all);
  assert.deepEqual(steps({}, true, B), [`load ${FREE} +`, `load ${ONCE}`, `load ${STOP} +`]);
  assert.deepEqual(steps({}, false, A), [`load ${FREE} +`, `load ${ONCE}`, `load ${STOP}`]);
});

test("guardSteps() holds back the start of what is loaded", () => {
  const loaded = { [FREE]: "loaded", [ONCE]: "loaded", [STOP]: "loaded" } as const;
  const all = [`start ${FREE}`, `start ${ONCE}`, `start ${STOP}`];
  assert.deepEqual(steps(loaded, true, A), all);
  assert.deepEqual(steps(loaded, true, B), [`start ${FREE}`, `start ${STOP}`]);
  assert.deepEqual(steps(loaded, false, A), [`start ${FREE}`]);
});

test("guardSteps() stops what runs while it does not hold its lock, and adopts what does", () => {
  const running = { [ONCE]: "running", [STOP]: "launched", [FREE]: "launched" } as const;
  assert.deepEqual(steps(running, true, A), [`adopt ${ONCE}`]);
  assert.deepEqual(steps(running, true, B), [`stop ${ONCE}`]);
  assert.deepEqual(steps(running, false, A), [`adopt ${ONCE}`]);
  const launched = { ...running, [ONCE]: "launched" } as const;
  assert.deepEqual(steps(launched, true, A), []);
  assert.deepEqual(steps(launched, true, B), [`stop ${ONCE}`]);
  assert.deepEqual(steps(launched, true, undefined), [`stop ${ONCE}`]);
});

test("needlessLocks() keeps the lock of what runs, is launched or is about to start", () => {
  assert.deepEqual(needlessLocks([ONCE], loadedOf({}), []), [ONCE]);
  assert.deepEqual(needlessLocks([ONCE], loadedOf({ [ONCE]: "loaded" }), []), [ONCE]);
  assert.deepEqual(needlessLocks([ONCE], loadedOf({ [ONCE]: "running" }), []), []);
  assert.deepEqual(needlessLocks([ONCE], loadedOf({ [ONCE]: "launched" }), []), []);
  const start = { kind: "start", name: ONCE, run: 0, reason: "placed here" } as const;
  assert.deepEqual(needlessLocks([ONCE], loadedOf({ [ONCE]: "loaded" }), [start]), []);
});
