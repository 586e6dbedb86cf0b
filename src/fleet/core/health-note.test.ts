import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { hashOf } from "../unit-files.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { isHealthy, isServing, writeHealthNote } from "./health-note.ts";
import { writeBlob, writeJobObject, writeUnitState } from "./records.ts";
import { type Phase, type Rollout, writeRollout } from "./rollout.ts";
import { sampleCluster, sampleMachine } from "./sample-cluster.ts";
import { servingGap } from "./serving-gap.ts";

const WEB = "web.service" as UnitName;
const text = (number: number) =>
  `[Service]\nExecStart=/bin/web ${number}\n[X-Fleet]\nGlobal=true\nUpdateParallel=1\nHealthCheck=tcp:80\n`;
const [OLD, NEW] = [hashOf(text(1)), hashOf(text(2))];

/** A global unit that rolls: the first machine has the new text by now, the second one waits. */
function rolling(jobHas: string, state: Rollout["state"] = "running"): ClusterModel {
  const model = sampleCluster({ machines: { a: "", b: "" }, units: {} });
  let index = 100;
  const say = (key: string, value: string) => {
    index += 1;
    model.apply({ key, after: { value, modifiedIndex: index }, by: undefined });
  };
  for (const number of [1, 2]) say(model.keys.blob(hashOf(text(number))), writeBlob(text(number)));
  say(model.keys.job(WEB, "object"), writeJobObject(WEB, jobHas));
  say(model.keys.job(WEB, "target-state"), "launched");
  const member = (machine: string, phase: Phase) => ({
    unit: WEB,
    machine: sampleMachine(machine),
    from: OLD,
    had: OLD,
    to: NEW,
    placed: true,
    phase,
    held: undefined,
    why: "",
  });
  const policy = { parallel: { count: 1 }, order: "stop-first", monitorMs: 10_000 } as const;
  const about = { template: false, by: "", began: "", ended: undefined, why: "" };
  const members = [member("a", "healthy"), member("b", "waiting")];
  const rollout = { state, policy, from: OLD, to: NEW, members, ...about };
  say(model.keys.note("rollouts", WEB), writeRollout(rollout));
  return model;
}

/** What a machine tells of the unit: that it runs a text, and whether that is well. */
function tell(model: ClusterModel, short: string, hash: string, healthy: boolean): void {
  const machine = sampleMachine(short);
  const state = { loadState: "loaded", activeState: "active", subState: "running", machine, hash };
  const note = { healthy, since: "T", failures: 0, reason: "", hash, restarts: 0, move: false };
  const said = [
    [model.keys.state(WEB, machine), writeUnitState(state)],
    [model.keys.note("health", WEB, machine), writeHealthNote(note)],
  ] as const;
  for (const [key, value] of said)
    model.apply({ key, after: { value, modifiedIndex: 200 }, by: undefined });
}

for (const jobHas of [OLD, NEW])
  test(`isServing() and isHealthy() go by the text that each machine is to have, while the job has the ${jobHas === OLD ? "old" : "new"} one`, () => {
    const [a, b] = [sampleMachine("a"), sampleMachine("b")];
    const model = rolling(jobHas);
    tell(model, "a", NEW, true);
    tell(model, "b", OLD, true);
    assert.deepEqual([isServing(model, WEB, a), isServing(model, WEB, b)], [true, true]);
    tell(model, "b", OLD, false);
    assert.deepEqual(
      [isHealthy(model, WEB, a), isHealthy(model, WEB, b)],
      ["healthy", "unhealthy"],
    );
    tell(model, "a", OLD, true);
    tell(model, "b", NEW, true);
    assert.deepEqual([isServing(model, WEB, a), isServing(model, WEB, b)], [false, false]);
    assert.deepEqual([isHealthy(model, WEB, a), isHealthy(model, WEB, b)], ["unknown", "unknown"]);
    const job = model.jobs.get(WEB)!;
    const gap = servingGap(model, job, model.machines.get(a)!);
    assert.equal(gap, `runs with another text on ${a} than it is to have`);
  });

test("isServing() goes by the job's text once the rollout is over", () => {
  const model = rolling(NEW, "done");
  tell(model, "a", NEW, true);
  tell(model, "b", OLD, true);
  const serving = ["a", "b"].map((short) => isServing(model, WEB, sampleMachine(short)));
  assert.deepEqual(serving, [true, false]);
});
