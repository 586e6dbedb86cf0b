import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { beginRollout } from "./begin-rollout.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { limitMs } from "./member-watch.ts";
import { forgottenNotes, notedTexts } from "./noted-texts.ts";
import { writeBlob, writeJobObject } from "./records.ts";
import { readRollout, writeRollout } from "./rollout.ts";
import { timeoutMs } from "./run-state.ts";
import { sampleCluster, sampleMachine } from "./sample-cluster.ts";
import { type Unit, unitOf } from "./unit.ts";
import { VERSIONS_MAX, withVersion, writeHistory } from "./unit-history.ts";

const WEB = "web@.service" as UnitName;
const NEWER = "f".repeat(40);
const ABOUT = { by: "me", at: "2026-01-01T00:00:00.000Z" };

function set(model: ClusterModel, key: string, value: string | undefined): void {
  const after = value === undefined ? undefined : { value, modifiedIndex: 1_000 };
  model.apply({ key, after, by: { key, action: after ? "set" : "delete" } });
}

/** A template, three instances of it with its text, one with another, and a global unit. */
function cluster(): ClusterModel {
  const model = sampleCluster({
    machines: { a: "role=web", b: "" },
    units: {
      "web@.service": { desired: "inactive" },
      "web@1.service": { on: "a" },
      "web@2.service": { desired: "inactive" },
      "web@3.service": {},
      "web@own.service": { on: "b" },
      "g.service": { fleet: ["Global=yes"] },
    },
  });
  const { hash } = model.jobs.get(WEB)!;
  for (const i of [1, 2, 3]) {
    const unit = `web@${i}.service`;
    set(model, model.keys.job(unit as UnitName, "object"), writeJobObject(unit, hash!));
  }
  return model;
}

function next(name: string, ...fleet: string[]): Unit {
  const raw = `[Service]\nExecStart=/bin/new\n[X-Fleet]\n${fleet.join("\n")}\n`;
  return unitOf(name as UnitName, NEWER, raw) as Unit;
}

test("what rolls when a text is given, by its own policy", () => {
  const model = cluster();
  const members = (unit: Unit) =>
    beginRollout(model, unit, ABOUT)?.rollout.members.map(({ unit: name, machine, placed }) =>
      machine === undefined ? `${name}${placed ? "" : " unplaced"}` : machine,
    );
  const cases: readonly (readonly [string, readonly string[], readonly string[] | undefined])[] = [
    [
      WEB,
      ["UpdateParallel=2"],
      ["web@1.service", "web@2.service unplaced", "web@3.service unplaced"],
    ],
    [WEB, ["Priority=3"], undefined],
    ["web@1.service", ["UpdateMonitor=1s"], ["web@1.service"]],
    // It does not run, so there is nothing to watch.
    ["web@2.service", ["UpdateMonitor=1s"], undefined],
    ["web@9.service", ["UpdateMonitor=1s"], undefined],
    ["g.service", ["Global=yes", "UpdateParallel=1"], [sampleMachine("a"), sampleMachine("b")]],
    ["g.service", ["UpdateParallel=1"], undefined],
  ];
  for (const [name, fleet, expected] of cases)
    assert.deepEqual(members(next(name, ...fleet)), expected, `${name} ${fleet.join(" ")}`);
});

test("a rollout is read back as it was written, and anything else is a problem", () => {
  const { rollout } = beginRollout(cluster(), next(WEB, "UpdateParallel=50%"), ABOUT)!;
  const again = readRollout(writeRollout(rollout));
  assert.ok("value" in again);
  assert.deepEqual(again.value, rollout);
  for (const bad of ["", "{}", writeRollout(rollout).replace("running", "walking")])
    assert.ok("problem" in readRollout(bad), bad);
});

test("a history has the last texts, each once in a row, and numbers go on", () => {
  const hash = (i: number) => String(i % 10).repeat(40);
  let history = withVersion(undefined, { hash: hash(0), at: "", by: "", why: "submitted" });
  assert.equal(withVersion(history, { hash: hash(0), at: "x", by: "", why: "" }), history);
  for (let i = 1; i < VERSIONS_MAX + 3; i++)
    history = withVersion(history, { hash: hash(i), at: "", by: "", why: "" });
  const numbers = history.versions.map(({ number }) => number);
  assert.deepEqual(
    [numbers.length, numbers[0], numbers.at(-1)],
    [VERSIONS_MAX, 4, VERSIONS_MAX + 3],
  );
});

test("texts that may be gone back to are kept, and what is noted of a unit goes after its record of removal", () => {
  const model = cluster();
  const unit = "web@1.service" as UnitName;
  const key = model.keys.note("history", unit);
  const old = { hash: "e".repeat(40), at: "", by: "", why: "" };
  set(model, key, writeHistory(withVersion(undefined, old)));
  const { rollout } = beginRollout(model, next(WEB, "UpdateParallel=1"), ABOUT)!;
  set(model, model.keys.note("rollouts", WEB), writeRollout(rollout));
  const kept = notedTexts(model);
  assert.ok(kept.has(old.hash) && kept.has(NEWER) && kept.has(model.jobs.get(WEB)!.hash!));
  assert.deepEqual([...forgottenNotes(model)], []);
  set(model, model.keys.removed(unit), "x");
  set(model, model.keys.job(unit, "object"), undefined);
  assert.deepEqual([...forgottenNotes(model)], []);
  set(model, model.keys.removed(unit), undefined);
  assert.deepEqual(
    [...forgottenNotes(model)].map((one) => one.key),
    [key],
  );
});

test("a member has the time that its unit takes to stop and start, and to pass its checks", () => {
  const unit = (service: string, ...fleet: string[]) => {
    const raw = `[Service]\nExecStart=/bin/x\n${service}\n[X-Fleet]\n${fleet.join("\n")}\n`;
    return unitOf("x.service" as UnitName, NEWER, raw) as Unit;
  };
  assert.equal(timeoutMs(unit(""), "start"), 90_000);
  assert.equal(timeoutMs(unit("TimeoutSec=1min"), "stop"), 60_000);
  assert.equal(timeoutMs(unit("TimeoutSec=1min\nTimeoutStopSec=3"), "stop"), 3_000);
  assert.equal(timeoutMs(unit("TimeoutStartSec=infinity"), "start"), 86_400_000);
  assert.equal(timeoutMs(unit("Type=oneshot"), "start"), 86_400_000);
  assert.equal(limitMs(unit("TimeoutSec=10"), 5_000), 50_000);
  assert.equal(limitMs(unit("TimeoutSec=10"), 60_000), 100_000);
  const checked = unit(
    "TimeoutSec=10",
    "HealthCheck=/bin/true",
    "HealthInterval=1s",
    "HealthTimeout=1s",
    "HealthThreshold=2",
    "HealthStart=6s",
  );
  assert.equal(limitMs(checked, 5_000), 60_000);
});

test("a text that was given while another rolls takes over from what each member has", () => {
  const model = cluster();
  const first = beginRollout(model, next(WEB, "UpdateParallel=1"), ABOUT)!.rollout;
  const [one, two, three] = first.members;
  const half = {
    ...first,
    members: [{ ...one!, phase: "healthy" }, { ...two!, phase: "updating" }, three!] as const,
  };
  set(
    model,
    model.keys.note("rollouts", WEB),
    writeRollout({ ...half, members: [...half.members] }),
  );
  set(model, model.keys.blob(NEWER), writeBlob("[Service]\nExecStart=/bin/new\n"));
  set(model, model.keys.job(WEB, "object"), writeJobObject(WEB, NEWER));
  for (const name of ["web@1.service", "web@2.service"])
    set(model, model.keys.job(name as UnitName, "object"), writeJobObject(name, NEWER));
  const newest = { ...next(WEB, "UpdateParallel=3"), hash: "d".repeat(40) };
  const { rollout } = beginRollout(model, newest, ABOUT)!;
  assert.deepEqual(
    rollout.members.map(({ from, had, to, phase }) => [from, had, to, phase]),
    [
      [NEWER, NEWER, newest.hash, "waiting"],
      // It was not yet seen healthy with what it has.
      [first.from, NEWER, newest.hash, "waiting"],
      [first.from, first.from, newest.hash, "waiting"],
    ],
  );
});
