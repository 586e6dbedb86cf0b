import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { joining, type Member, type Phase, type Rollout, writeRollout } from "./rollout.ts";
import { sampleCluster } from "./sample-cluster.ts";
import { supersedeRollout } from "./supersede-rollout.ts";

const [OLD, NEW, OTHER] = ["a", "b", "c"].map((letter) => letter.repeat(40)) as [
  string,
  string,
  string,
];
const WEB = "web@.service" as UnitName;
const PHASES: readonly Phase[] = ["healthy", "updating", "waiting", "left"];

function member(unit: string, phase: Phase): Member {
  const about = { unit: unit as UnitName, machine: undefined, from: OLD, had: OLD, to: NEW };
  return { ...joining({ ...about, placed: true }), phase };
}

const RUNNING: Rollout = {
  state: "running",
  policy: { parallel: { count: 1 }, order: "stop-first", monitorMs: 1_000 },
  from: OLD,
  to: NEW,
  template: true,
  by: "me",
  began: "2026-01-01T00:00:00.000Z",
  ended: undefined,
  why: "",
  members: PHASES.map((phase, i) => member(`web@${i}.service`, phase)),
};

/** The members' phases, and what else counts, once the unit was given that text. */
function superseded(rollout: Rollout, name: string, hash: string) {
  const model = sampleCluster({ machines: {}, units: {} });
  const key = model.keys.note("rollouts", WEB);
  model.apply({
    key,
    after: { value: writeRollout(rollout), modifiedIndex: 1_000 },
    by: { key, action: "set" },
  });
  const isTemplate = name === WEB;
  const ended = supersedeRollout(model, { name: name as UnitName, hash, isTemplate }, "you");
  if (ended === undefined) return undefined;
  const { members, template, why } = ended.rollout;
  return { phases: members.map(({ phase }) => phase), template, why };
}

test("a template that is given a text which does not roll: what waits stays, what is on its way is seen through", () => {
  const after = {
    phases: ["healthy", "updating", "left", "left"],
    template: false,
    why: "the template was given another text by you",
  };
  assert.deepEqual(superseded(RUNNING, WEB, OTHER), after);
  assert.deepEqual(superseded(RUNNING, WEB, OLD), after);
});

test("an instance that is given such a text leaves the rollout, which goes on", () => {
  const after = { phases: ["healthy", "left", "waiting", "left"], template: true, why: "" };
  for (const hash of [OTHER, OLD])
    assert.deepEqual(superseded(RUNNING, "web@1.service", hash), after);
  assert.equal(superseded(RUNNING, "web@3.service", OTHER), undefined);
  assert.equal(superseded(RUNNING, "web@9.service", OTHER), undefined);
});

test("the text that rolls, a rollout that is over or goes back, and one of instances only are let be", () => {
  assert.equal(superseded(RUNNING, WEB, NEW), undefined);
  for (const state of ["returning", "done", "returned"] as const)
    assert.equal(superseded({ ...RUNNING, state }, WEB, OTHER), undefined);
  assert.equal(superseded({ ...RUNNING, template: false }, WEB, OTHER), undefined);
});
