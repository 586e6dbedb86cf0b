import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { putText, takeBack } from "./api-rollout.ts";
import { writeDrain } from "./core/machine-marks.ts";
import { notingJobs } from "./noted-jobs.ts";
import { SimulatedCluster, unitText } from "./simulated-cluster.ts";
import { hashOf } from "./unit-files.ts";

const NAMES = ["a", "b", "c"];
const unit = (name: string) => `${name}.service` as UnitName;

async function clusterOf(t: TestContext, jobs: string[] = []): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(23, openLogger("silent"), {
    wrapSystemd: notingJobs((machine, job, name) => jobs.push(`${job} ${name} on ${machine}`)),
  });
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of NAMES) cluster.add(name);
  await cluster.until("one leads", () => NAMES.some((name) => cluster.machine(name).daemon!.leads));
  await cluster.until(
    "all are registered",
    () => cluster.machine("a").daemon!.feed.model.machines.size === NAMES.length,
  );
  return cluster;
}

const running = (cluster: SimulatedCluster, name: string) => cluster.where(unit(name));

async function changeAll(cluster: SimulatedCluster): Promise<void> {
  const { registry, signal } = cluster;
  const set = (name: string, desired: "inactive" | "loaded" | "launched") =>
    cluster.whileTimePasses(registry.setDesired(unit(name), desired, signal));
  const [from] = running(cluster, "moved");
  const to = NAMES.find((name) => name !== from)!;
  const ids = [from!, to].map((name) => cluster.machine(name).id);
  await cluster.whileTimePasses(registry.move(unit("moved"), ids[0]!, ids[1]!, signal));
  await set("started", "launched");
  await set("stopped", "loaded");
  await cluster.submit(unit("added"));
  await cluster.destroy(unit("destroyed"));
  await cluster.until(
    "all is as it should be",
    () =>
      running(cluster, "moved")[0] === to &&
      running(cluster, "moved").length === 1 &&
      running(cluster, "started").length === 1 &&
      running(cluster, "stopped").length === 0 &&
      running(cluster, "added").length === 1 &&
      running(cluster, "destroyed").length === 0,
  );
}

for (const away of [false, true])
  test(`a store restored from before ends nothing that runs${away ? ", also when every fleetd was away meanwhile" : ""}`, async (t) => {
    const jobs: string[] = [];
    const cluster = await clusterOf(t, jobs);
    for (const name of ["moved", "stopped", "destroyed", "steady"])
      await cluster.submit(unit(name));
    await cluster.submit(unit("started"), { desired: "loaded" });
    await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 4);
    await cluster.pass(2_000);
    const backup = cluster.store.backup();
    await changeAll(cluster);
    await cluster.pass(12_000);
    jobs.length = 0;
    if (away) for (const name of NAMES) await cluster.stopDaemon(name);
    await cluster.whileTimePasses(cluster.store.restore(backup));
    if (away) for (const name of NAMES) cluster.startDaemon(name);
    await cluster.pass(10_000);
    for (const one of ["moved", "started", "added", "steady"])
      assert.equal(running(cluster, one).length, 1, `${one} runs once`);
    await cluster.pass(60_000);
    const told = new Set(jobs.map((job) => job.split(" on ")[0]));
    assert.deepEqual(told, new Set(["startUnit destroyed.service", "startUnit stopped.service"]));
    for (const one of ["moved", "started", "added", "steady", "stopped", "destroyed"])
      assert.equal(running(cluster, one).length, 1, `${one} runs once`);
    const { model } = cluster.machine("a").daemon!.feed;
    const [at] = running(cluster, "moved");
    assert.equal(model.jobs.get(unit("moved"))?.target?.value, cluster.machine(at!).id);

    // What is said now counts at once.
    const { registry, signal } = cluster;
    await cluster.whileTimePasses(registry.setDesired(unit("started"), "inactive", signal));
    await cluster.destroy(unit("moved"));
    await cluster.until(
      "they are gone",
      () => running(cluster, "started").length + running(cluster, "moved").length === 0,
      2_000,
    );
  });

test("machines fail over after a restore as before it", async (t) => {
  const cluster = await clusterOf(t);
  for (const name of ["x", "y", "z"]) await cluster.submit(unit(name));
  await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 3);
  const backup = cluster.store.backup();
  await cluster.pass(60_000);
  await cluster.whileTimePasses(cluster.store.restore(backup));
  await cluster.pass(30_000);
  await cluster.crash("b");
  await cluster.until(
    "all run",
    () => Object.values(cluster.running()).flat().length === 3,
    10_000,
  );
});

for (const isOver of [false, true])
  test(`a drain that only the backup knows of ends nothing${isOver ? ", though its deadline had passed there" : ""}`, async (t) => {
    const cluster = await clusterOf(t);
    const { id } = cluster.machine("a");
    const { registry, signal, clock } = cluster;
    const at = clock.now().toISOString();
    const deadline = new Date(clock.now().getTime() + 40_000).toISOString();
    const drain = { by: "alice", at, why: "", deadline, isOver };
    const mark = (value: string | undefined) =>
      cluster.whileTimePasses(registry.setMark(id, "draining", value, signal));
    await cluster.submit("x.service", { fleet: [`MachineID=${id}`] });
    const runsX = () => running(cluster, "x").length === 1;
    await cluster.until("x runs", runsX);
    await mark(writeDrain(drain));
    await cluster.until("x stays, or goes", () => runsX() !== isOver);
    const backup = cluster.store.backup();
    await mark(undefined);
    await cluster.until("x runs", runsX);
    await cluster.pass(60_000);
    await cluster.whileTimePasses(cluster.store.restore(backup));
    for (let i = 0; i < 600; i++) {
      await cluster.pass(100);
      assert.deepEqual(running(cluster, "x"), ["a"]);
    }
  });

test("a rollout that only the backup knows of goes no further until somebody says so", async (t) => {
  const jobs: string[] = [];
  const cluster = await clusterOf(t, jobs);
  const name = unit("web");
  const { feed, registry } = cluster.machine("a").daemon!;
  const { clock, signal } = cluster;
  const context = { feed, registry, clock };
  const settled = (work: Promise<number>) =>
    cluster.whileTimePasses(work.then((index) => feed.seen(index, signal)));
  const put = (raw: string) => {
    const replaces = feed.model.jobs.get(name)?.hash !== undefined;
    const asked = { kind: "create", name, raw, desired: "launched", replaces } as const;
    return settled(putText(context, asked, "somebody", signal));
  };
  const fleet = ["Global=true", "UpdateParallel=1", "UpdateMonitor=5s"];
  const old = unitText(fleet);
  await put(old);
  await cluster.until("all run", () => running(cluster, "web").length === 3);
  await put(`${old}# newer\n`);
  const members = () => feed.model.notes.rollouts.get(name)!.value.members;
  await cluster.until("one has it", () => members().some(({ phase }) => phase === "healthy"));
  const backup = cluster.store.backup();
  await put(`${old}# newest\n`);
  const state = () => feed.model.notes.rollouts.get(name)?.value.state;
  await cluster.until("it is done", () => state() === "done", 120_000);
  await cluster.pass(10_000);
  jobs.length = 0;
  await cluster.whileTimePasses(cluster.store.restore(backup));
  await cluster.pass(300_000);
  assert.deepEqual([state(), jobs], ["running", []]);
  await settled(takeBack(context, name, "somebody", signal));
  await cluster.until("it is taken back", () => state() === "returned");
  assert.equal(feed.model.jobs.get(name)?.hash, hashOf(old));
});
