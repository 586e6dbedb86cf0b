import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import {
  fateOf,
  isRunning,
  type LoadedUnit,
  reconcile,
  reconcileLeaving,
  type Step,
} from "./reconcile.ts";
import { writeBlob, writeJobObject } from "./records.ts";
import { type Rollout, writeRollout } from "./rollout.ts";
import { type SampleUnit, sampleCluster, sampleMachine } from "./sample-cluster.ts";

const name = "x.service" as UnitName;
const ME = {
  id: sampleMachine("a"),
  publicIp: "",
  metadata: new Map([["role", "web"]]),
  version: "",
};
/** The hash that the first unit of a sample has. */
const HASH = "1".padStart(40, "0");

function clusterWith(unit: SampleUnit | undefined): ClusterModel {
  return sampleCluster({ machines: { a: "role=web", b: "" }, units: unit ? { [name]: unit } : {} });
}

function here(changes: Partial<LoadedUnit> = {}): LoadedUnit {
  return { hash: HASH, launched: true, loadState: "loaded", activeState: "active", ...changes };
}

function brief(step: Step): string {
  return step.kind + ("start" in step && step.start ? " and start" : "");
}

const CASES: readonly {
  readonly what: string;
  readonly unit?: SampleUnit;
  readonly here?: LoadedUnit;
  readonly step: string | undefined;
}[] = [
  { what: "loads and starts what is placed here", unit: { on: "a" }, step: "load and start" },
  { what: "only loads what is to be loaded", unit: { on: "a", desired: "loaded" }, step: "load" },
  { what: "leaves alone what is placed elsewhere", unit: { on: "b" }, step: undefined },
  { what: "leaves alone what runs as it should", unit: { on: "a" }, here: here(), step: undefined },
  {
    what: "does not start again what ended by itself",
    unit: { on: "a" },
    here: here({ activeState: "failed" }),
    step: undefined,
  },
  {
    what: "starts what is loaded",
    unit: { on: "a" },
    here: here({ launched: false, activeState: "inactive" }),
    step: "start",
  },
  {
    what: "adopts what runs already",
    unit: { on: "a" },
    here: here({ launched: false }),
    step: "adopt",
  },
  {
    what: "stops what is only to be loaded",
    unit: { on: "a", desired: "loaded" },
    here: here(),
    step: "stop",
  },
  {
    what: "replaces what changed",
    unit: { on: "a" },
    here: here({ hash: "f".repeat(40) }),
    step: "replace and start",
  },
  {
    what: "loads again what systemd does not know",
    unit: { on: "a" },
    here: here({ loadState: "not-found" }),
    step: "load and start",
  },
  { what: "unloads what is placed elsewhere", unit: { on: "b" }, here: here(), step: "unload" },
  { what: "unloads what is placed nowhere", unit: {}, here: here(), step: "unload" },
  {
    what: "unloads what is not wanted",
    unit: { on: "a", desired: "inactive" },
    here: here(),
    step: "unload",
  },
  { what: "keeps what has no job and no record of its removal", here: here(), step: "keep" },
  {
    what: "runs a global unit that fits",
    unit: { fleet: ["Global=true", "MachineMetadata=role=web"] },
    step: "load and start",
  },
  {
    what: "unloads a global unit that does not fit",
    unit: { fleet: ["Global=true", "MachineMetadata=role=db"] },
    here: here(),
    step: "unload",
  },
];
for (const { what, unit, here: loaded, step } of CASES)
  test(`reconcile() ${what}`, () => {
    const steps = reconcile(clusterWith(unit), ME, new Map(loaded ? [[name, loaded]] : []));
    assert.deepEqual(steps.map(brief), step === undefined ? [] : [step]);
  });

test("reconcile() unloads a destroyed unit: by its tombstone, or by an event about just that job", () => {
  const loaded = new Map([[name, here()]]);
  const { keys } = clusterWith(undefined);
  const object = keys.job(name, "object");
  const gone = (by: { key: string; action: string } | undefined) => {
    const model = clusterWith({ on: "a" });
    for (const part of ["object", "target", "target-state"] as const)
      model.apply({ key: keys.job(name, part), after: undefined, by });
    return model;
  };
  const kinds = (model: ClusterModel) => reconcile(model, ME, loaded).map(({ kind }) => kind);
  assert.deepEqual(kinds(gone({ key: keys.jobDirectory(name), action: "delete" })), ["unload"]);
  assert.deepEqual(kinds(gone({ key: object, action: "compareAndDelete" })), ["unload"]);
  assert.deepEqual(kinds(gone({ key: keys.prefix, action: "delete" })), ["keep"]);
  assert.deepEqual(kinds(gone({ key: object, action: "expire" })), ["keep"]);
  assert.deepEqual(kinds(gone(undefined)), ["keep"]);
  // Also when the unit had another text by then, which this machine was never told of.
  for (const hash of [HASH, "f".repeat(40), ""]) {
    const model = gone(undefined);
    const after = { value: hash, modifiedIndex: 9 };
    model.apply({ key: keys.removed(name), after, by: undefined });
    assert.deepEqual(kinds(model), ["unload"]);
  }
});

test("reconcile() leaves alone what is submitted anew and not yet said to be wanted or not", () => {
  const model = clusterWith(undefined);
  const { jobs, keys } = clusterWith({ on: "a" });
  const hash = jobs.get(name)!.hash!;
  const after = { value: writeJobObject(name, hash), modifiedIndex: 9 };
  model.apply({
    key: keys.blob(hash),
    after: { value: writeBlob("[Service]\n"), modifiedIndex: 8 },
    by: undefined,
  });
  model.apply({ key: keys.job(name, "object"), after, by: undefined });
  const steps = reconcile(model, ME, new Map([[name, here()]]));
  assert.deepEqual(
    steps.map(({ kind }) => kind),
    ["keep"],
  );
});

test("reconcile() touches nothing of a job that cannot be read", () => {
  const loaded = new Map([[name, here()]]);
  for (const [part, value] of [
    ["target-state", "bogus"],
    ["object", "{"],
    ["target", "?"],
  ] as const) {
    const model = clusterWith({ on: "a" });
    model.apply({
      key: model.keys.job(name, part),
      after: { value, modifiedIndex: 9 },
      by: undefined,
    });
    assert.deepEqual(
      reconcile(model, ME, loaded).map(({ kind }) => kind),
      ["keep"],
      part,
    );
    assert.equal(model.problems.size, 1);
  }
});

test("reconcile() on an empty cluster removes nothing, whatever is loaded", () => {
  const anyLoaded: fc.Arbitrary<LoadedUnit> = fc.record({
    hash: fc.constantFrom(HASH, "f".repeat(40)),
    launched: fc.boolean(),
    loadState: fc.constantFrom("loaded", "not-found", "bad-setting", ""),
    activeState: fc.constantFrom("active", "inactive", "failed", "activating", ""),
  });
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("a.service", "b.service", "c@1.timer"), anyLoaded),
      (units) => {
        const loaded = new Map(Object.entries(units) as [UnitName, LoadedUnit][]);
        const steps = reconcile(clusterWith(undefined), ME, loaded);
        assert.ok(steps.every(({ kind }) => kind === "keep"));
        assert.equal(reconcileLeaving(loaded).length, loaded.size);
      },
    ),
  );
});

test("reconcile() settles: a unit in the state that a step leads to needs no other", () => {
  for (const desired of ["loaded", "launched"] as const)
    for (const launched of [true, false])
      for (const activeState of ["active", "inactive", "failed"]) {
        let unit = here({ launched, activeState });
        for (let round = 0; round < 2; round++) {
          const [step] = reconcile(clusterWith({ on: "a", desired }), ME, new Map([[name, unit]]));
          if (step?.kind === "start" || step?.kind === "adopt") unit = here();
          else if (step?.kind === "stop") unit = here({ launched: false, activeState: "inactive" });
        }
        assert.deepEqual(
          reconcile(clusterWith({ on: "a", desired }), ME, new Map([[name, unit]])),
          [],
        );
        if (desired === "loaded") assert.equal(isRunning(unit.activeState), false);
      }
});

test("fateOf() an old copy goes on beside the new one, but not when the deadline of a drain has passed", () => {
  const fateOn = (over: "over" | "under way") => {
    const model = sampleCluster({
      machines: { a: "", b: "" },
      units: { [name]: { on: "b" } },
      draining: { a: over },
    });
    const me = model.machines.get(sampleMachine("a"))!;
    const { hash = "" } = model.jobs.get(name)!;
    const texts = { from: hash, had: hash, to: "f".repeat(40) };
    const member = { unit: name, machine: undefined, ...texts, placed: true, held: me.id, why: "" };
    const rollout: Rollout = {
      state: "running",
      policy: { parallel: { count: 1 }, order: "start-first", monitorMs: 1_000 },
      from: hash,
      to: texts.to,
      template: false,
      by: "",
      began: "",
      ended: undefined,
      why: "",
      members: [{ ...member, phase: "updating" }],
    };
    const after = { value: writeRollout(rollout), modifiedIndex: 1_000 };
    model.apply({ key: model.keys.note("rollouts", name), after, by: undefined });
    return fateOf(model, me, name, hash).kind;
  };
  assert.equal(fateOn("under way"), "run");
  assert.equal(fateOn("over"), "remove");
});
