import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { turnOf } from "./order.ts";
import { orderSteps } from "./order-steps.ts";
import { isRunning, type LoadedUnit, reconcile } from "./reconcile.ts";
import { writeUnitState } from "./records.ts";
import { writeRunResult } from "./run-result.ts";
import { type SampleUnit, sampleCluster, sampleMachine } from "./sample-cluster.ts";

const APP = "app.service" as UnitName;
const ALWAYS = () => true;

/** What becomes of the sample before it is looked at: states `db.service a active`, results `job.service a success`. */
interface Told {
  readonly states?: readonly string[];
  readonly results?: readonly string[];
  readonly destroyed?: readonly string[];
}

function clusterOf(units: Readonly<Record<string, SampleUnit>>, told: Told = {}): ClusterModel {
  const model = sampleCluster({ machines: { a: "zone=1", b: "" }, units });
  let modifiedIndex = 1_000;
  const set = (key: string, value: string | undefined) => {
    const after = value === undefined ? undefined : { value, modifiedIndex: (modifiedIndex += 1) };
    model.apply({ key, after, by: { key, action: value === undefined ? "delete" : "set" } });
  };
  for (const line of told.states ?? []) {
    const [unit, short, activeState] = line.split(" ") as [UnitName, string, string];
    const machine = sampleMachine(short);
    const { hash = "" } = model.jobs.get(unit) ?? {};
    const state = { loadState: "loaded", activeState, subState: "x", machine, hash };
    set(model.keys.state(unit, machine), writeUnitState(state));
  }
  for (const line of told.results ?? []) {
    const [unit, short, result] = line.split(" ") as [UnitName, string, "success" | "failed"];
    const { hash = "", desiredIndex = 0 } = model.jobs.get(unit) ?? {};
    const about = { detail: undefined, exitStatus: undefined, signal: undefined };
    const times = { began: undefined, ended: undefined };
    const machine = sampleMachine(short);
    const run = { hash, generation: desiredIndex, machine, result, ...about, ...times };
    set(model.keys.note("results", unit), writeRunResult(run));
  }
  for (const unit of told.destroyed ?? [])
    set(model.keys.removed(unit as UnitName), "f".repeat(40));
  return model;
}

const app = (...fleet: string[]): SampleUnit => ({ fleet, on: "a" });

function turn(model: ClusterModel, isCurrent = ALWAYS): string {
  const { unit } = model.jobs.get(APP)!;
  const me = model.machines.get(sampleMachine("a"))!;
  const found = turnOf(model, unit!, me, isCurrent);
  const text = found.kind === "free" ? "" : `: ${found.lack}`;
  return (found.kind + text).replace(/([0-9a-f]{2})0{30}/g, (_, code) =>
    String.fromCodePoint(Number.parseInt(code, 16)),
  );
}

const CASES: readonly {
  readonly what: string;
  readonly wants: readonly string[];
  readonly units?: Readonly<Record<string, SampleUnit>>;
  readonly told?: Told;
  readonly turn: string;
}[] = [
  { what: "nothing is asked", wants: [], turn: "free" },
  { what: "After names nothing that is there", wants: ["After=db.service"], turn: "free" },
  {
    what: "After names what nobody wants started",
    wants: ["After=db.service"],
    units: { "db.service": { desired: "loaded", on: "b" } },
    turn: "free",
  },
  {
    what: "what After names is placed nowhere",
    wants: ["After=db.service"],
    units: { "db.service": {} },
    turn: "waits: db.service, which is placed nowhere",
  },
  {
    what: "what After names starts on another machine",
    wants: ["After=db.service"],
    units: { "db.service": { on: "b" } },
    told: { states: ["db.service b activating"] },
    turn: "waits: db.service, which is activating on b",
  },
  {
    what: "what After names is active on another machine",
    wants: ["After=db.service"],
    units: { "db.service": { on: "b" } },
    told: { states: ["db.service b active"] },
    turn: "free",
  },
  {
    what: "its check did not pass yet",
    wants: ["After=db.service"],
    units: { "db.service": { on: "b", fleet: ["HealthCheck=tcp:80"] } },
    told: { states: ["db.service b active"] },
    turn: "waits: db.service, which has not passed its health check on b yet",
  },
  {
    what: "a glob means several and itself",
    wants: ["After=*.service"],
    units: { "db@1.service": { on: "a" }, "db@2.service": { on: "b" } },
    told: { states: ["db@1.service a active", "app.service a inactive"] },
    turn: "waits: db@2.service, which does not run on b yet",
  },
  {
    what: "the name depends on the machine",
    wants: ["After=db@%m.service"],
    units: { [`db@${sampleMachine("a")}.service`]: { on: "b" }, "db@b.service": {} },
    told: { states: [`db@${sampleMachine("a")}.service b active`] },
    turn: "free",
  },
  {
    what: "a global unit serves here, though not on every machine",
    wants: ["After=log.service"],
    units: { "log.service": { fleet: ["Global=true"] } },
    told: { states: ["log.service a active"] },
    turn: "free",
  },
  {
    what: "a global unit serves elsewhere only, and belongs here",
    wants: ["After=log.service"],
    units: { "log.service": { fleet: ["Global=true"] } },
    told: { states: ["log.service b active"] },
    turn: "waits: log.service, which does not run on a yet",
  },
  {
    what: "a global unit does not belong here and serves where it does",
    wants: ["After=log.service"],
    units: { "log.service": { fleet: ["Global=true", "MachineMetadata=zone!=1"] } },
    told: { states: ["log.service b active"] },
    turn: "free",
  },
  {
    what: "a required unit is not in the cluster",
    wants: ["Requires=db.service"],
    turn: "waits: db.service, which it requires: nobody has started it",
  },
  {
    what: "a required unit is there and does not serve",
    wants: ["Requires=db.service"],
    units: { "db.service": { on: "b" } },
    turn: "waits: db.service, which does not run on b yet",
  },
  {
    what: "a required unit failed",
    wants: ["Requires=db.service"],
    units: { "db.service": { on: "b" } },
    told: { states: ["db.service b failed"] },
    turn: "waits: db.service, which is failed on b",
  },
  {
    what: "a required unit was stopped",
    wants: ["Requires=db.service"],
    units: { "db.service": { on: "b", desired: "loaded" } },
    turn: "ends: db.service, which it requires: db.service has the desired state loaded",
  },
  {
    what: "a required unit was destroyed",
    wants: ["Requires=db.service"],
    told: { destroyed: ["db.service"] },
    turn: "ends: db.service, which it requires: db.service was destroyed",
  },
  {
    what: "one of those that a glob requires is left",
    wants: ["Requires=db@*.service"],
    units: { "db@1.service": { on: "b" }, "db@2.service": { desired: "inactive" } },
    told: { states: ["db@1.service b active"], destroyed: ["db@3.service"] },
    turn: "free",
  },
  {
    what: "the last of those that a glob requires was stopped",
    wants: ["Requires=db@*.service"],
    units: { "db@2.service": { desired: "inactive" } },
    turn: "ends: one of db@*.service, which it requires: db@2.service has the desired state inactive",
  },
];

for (const { what, wants, units = {}, told, turn: expected } of CASES)
  test(`turnOf() when ${what}`, () => {
    assert.equal(turn(clusterOf({ [APP]: app(...wants), ...units }, told)), expected);
  });

test("turnOf() stops nothing on the word of a backup", () => {
  const units = {
    [APP]: app("Requires=db.service"),
    "db.service": { on: "b", desired: "loaded" },
  } as const;
  assert.match(
    turn(clusterOf(units), () => false),
    /^waits: db.service, which it requires: nobody has started it$/,
  );
});

test("turnOf() of a unit after one that runs once", () => {
  const units = { [APP]: app("After=job.service"), "job.service": { on: "b" } };
  const once = (model: ClusterModel) => {
    const blob = model.keys.blob(model.jobs.get("job.service" as UnitName)!.hash!);
    const value = JSON.stringify({ Raw: "[Service]\nType=oneshot\nExecStart=/bin/true\n" });
    model.apply({ key: blob, after: { value, modifiedIndex: 2_000 }, by: undefined });
    return turn(model);
  };
  assert.equal(
    once(clusterOf(units, { states: ["job.service b activating"] })),
    "waits: job.service, which has not ended yet on b",
  );
  assert.equal(
    once(clusterOf(units, { results: ["job.service b failed"] })),
    "waits: job.service, which ended on b: failed",
  );
  assert.equal(once(clusterOf(units, { results: ["job.service b success"] })), "free");
});

test("what runs is stopped only when something required was stopped, and started only in its turn", () =>
  fc.assert(
    fc.property(
      fc.subarray(["After=db.service", "Requires=db.service", "After=x*", "Requires=x*"]),
      fc.dictionary(
        fc.constantFrom("db.service", "x1.service", "x2.service"),
        fc.record({
          desired: fc.constantFrom("inactive", "loaded", "launched"),
          on: fc.constantFrom("a", "b"),
        }),
      ),
      fc.array(
        fc.constantFrom("db.service b active", "x1.service a active", "x2.service b failed"),
      ),
      fc.subarray(["db.service", "x1.service"]),
      fc.option(
        fc.record({
          launched: fc.boolean(),
          activeState: fc.constantFrom("active", "activating", "inactive", "failed"),
          isSame: fc.boolean(),
        }),
        { nil: undefined },
      ),
      (wants, units, states, destroyed, here) => {
        const told = { states, destroyed: destroyed.filter((name) => !(name in units)) };
        const model = clusterOf(
          { [APP]: app(...wants), ...units } as Record<string, SampleUnit>,
          told,
        );
        const me = model.machines.get(sampleMachine("a"))!;
        const { hash, unit } = model.jobs.get(APP)!;
        const loaded = new Map<UnitName, LoadedUnit>();
        if (here !== undefined)
          loaded.set(APP, {
            ...here,
            loadState: "loaded",
            hash: here.isSame ? hash! : "f".repeat(40),
          });
        const asked = reconcile(model, me, loaded).filter((step) => nameOf(step) === APP);
        const { steps } = orderSteps(model, me, asked, loaded, ALWAYS);
        const { kind } = turnOf(model, unit!, me, ALWAYS);
        const mine = steps.filter((step) => nameOf(step) === APP);
        if (kind === "free") assert.deepEqual(mine, asked);
        for (const step of mine) {
          const starts = step.kind === "start" || ("start" in step && step.start);
          assert.ok(!starts || kind === "free", `${step.kind} while it ${kind}`);
          const isUp = here !== undefined && isRunning(here.activeState);
          const ends = step.kind === "stop" || step.kind === "replace";
          assert.ok(!isUp || !ends || kind !== "waits", `${step.kind} of what runs`);
        }
        if (kind === "ends" && here !== undefined && isRunning(here.activeState))
          assert.ok(mine.some((step) => step.kind === "stop" || step.kind === "replace"));
      },
    ),
    { numRuns: 500 },
  ));

function nameOf(step: ReturnType<typeof reconcile>[number]): UnitName {
  return "unit" in step ? step.unit.name : step.name;
}
