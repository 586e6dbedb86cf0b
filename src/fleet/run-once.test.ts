import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import { clusterOf, modelOf, name, resultOf, set, submit } from "./simulated-jobs.ts";

const ONESHOT = "[Service]\nType=oneshot\nExecStart=";

for (const { command, result } of [
  { command: "/bin/true", result: { result: "success", detail: "success", exitStatus: 0 } },
  { command: "/bin/false", result: { result: "failed", detail: "exit-code", exitStatus: 1 } },
])
  test(`a oneshot of ${command} runs once, whatever becomes of its daemon and its machine`, async (t) => {
    const { cluster, runs } = await clusterOf(t, "a", "b");
    await submit(cluster, `${ONESHOT}${command}\n`);
    await cluster.until("its result is noted", () => resultOf(cluster, "b") !== undefined);
    const { generation, hash, began, ended, ...noted } = resultOf(cluster, "b")!;
    const job = modelOf(cluster, "b")!.jobs.get(name)!;
    assert.deepEqual([generation, hash], [job.desiredIndex, job.hash]);
    assert.ok(began !== undefined && ended !== undefined && began <= ended);
    assert.deepEqual(noted, { ...result, machine: cluster.machine("a").id, signal: undefined });
    assert.equal(modelOf(cluster, "b")!.jobs.get(name)?.launchedOn, cluster.machine("a").id);

    await cluster.stopDaemon("a");
    cluster.startDaemon("a");
    await cluster.pass(2_000);
    await cluster.killDaemon("a");
    const { files } = cluster.machine("a");
    await files.writeLaunched({ systemdRun: "lost", launched: [], runs: {} });
    cluster.startDaemon("a");
    await cluster.pass(2_000);
    await cluster.crash("a");
    cluster.boot("a");
    await cluster.pass(5_000);
    assert.deepEqual(runs, ["a job.service"]);

    await cluster.crash("a");
    const { model } = cluster.machine("b").daemon!.feed;
    const target = () => model.jobs.get(name)?.target?.value;
    await cluster.until("it is placed on b", () => target() === cluster.machine("b").id);
    await cluster.pass(5_000);
    assert.deepEqual(runs, ["a job.service"]);
    assert.deepEqual(resultOf(cluster, "b")?.machine, cluster.machine("a").id);
  });

test("a oneshot that ends while its daemon is away is not run again", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, `${ONESHOT}/bin/sleep 5\n`);
  await cluster.until("it runs", () => cluster.where(name).length === 1);
  await cluster.pass(100);
  await cluster.killDaemon("a");
  await cluster.until("it has ended", () => cluster.where(name).length === 0);
  cluster.startDaemon("a");
  await cluster.until("its result is noted", () => resultOf(cluster, "a") !== undefined);
  await cluster.pass(40_000);
  assert.equal(resultOf(cluster, "a")?.result, "success");
  assert.deepEqual(runs, ["a job.service"]);
});

test("a oneshot that ends while the store is away is noted once that is back", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await submit(cluster, `${ONESHOT}/bin/sleep 3\n`);
  await cluster.until("it runs", () => cluster.where(name).length === 1);
  for (const { link } of cluster.machines) link.cut();
  await cluster.until("it has ended", () => cluster.where(name).length === 0);
  await cluster.pass(2_000);
  assert.equal(resultOf(cluster, "b"), undefined);
  for (const { link } of cluster.machines) link.mend();
  await cluster.until("its result is noted", () => resultOf(cluster, "b") !== undefined);
  await cluster.pass(20_000);
  assert.equal(resultOf(cluster, "b")?.exitStatus, 0);
  assert.deepEqual(runs, ["a job.service"]);
});

test("a oneshot whose machine is lost before its end runs again elsewhere", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await submit(cluster, `${ONESHOT}/bin/sleep 20\n`);
  await cluster.until("it runs", () => cluster.where(name).length === 1);
  await cluster.crash("a");
  await cluster.until("its result is noted", () => resultOf(cluster, "b") !== undefined, 60_000);
  assert.deepEqual(runs, ["a job.service", "b job.service"]);
  assert.equal(resultOf(cluster, "b")?.machine, cluster.machine("b").id);
});

test("a oneshot runs again for each time that it is asked for, even while it runs", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, `${ONESHOT}/bin/sleep 1\n`);
  const ended = () => resultOf(cluster, "a")?.generation;
  await cluster.until("it has ended", () => ended() !== undefined);
  const first = ended();
  await set(cluster, "loaded");
  await set(cluster, "launched");
  await cluster.until("it has ended again", () => ended() !== first);
  await set(cluster, "launched");
  await cluster.until("it runs", () => cluster.where(name).length === 1);
  const asked = () => modelOf(cluster, "a")!.jobs.get(name)!.desiredIndex;
  await set(cluster, "launched");
  await cluster.until("the last run has ended", () => ended() === asked());
  await cluster.pass(5_000);
  assert.equal(resultOf(cluster, "a")?.result, "success");
  assert.equal(runs.length, 4);
});

test("a oneshot with another text runs anew, and so does one that remains", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, `${ONESHOT}/bin/true\n`);
  await cluster.until("it has ended", () => resultOf(cluster, "a") !== undefined);
  const { registry, signal } = cluster;
  const known = { blobInUse: false, tombstone: false, replaces: true };
  const remains = `${ONESHOT}/bin/true\nRemainAfterExit=yes\n`;
  await cluster.whileTimePasses(registry.createJob(name, remains, "launched", known, signal));
  await cluster.until("it remains", () => cluster.where(name).length === 1);
  await cluster.crash("a");
  cluster.boot("a");
  await cluster.until("it remains again", () => cluster.where(name).length === 1);
  assert.equal(runs.length, 3);
});

test("a global oneshot runs once on each machine, also on one that comes later", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await submit(cluster, `${ONESHOT}/bin/true\n[X-Fleet]\nGlobal=true\n`);
  const noted = (machine: string) =>
    modelOf(cluster, "a")?.notes.results.get(name, cluster.machine(machine).id)?.value;
  await cluster.until("both have results", () => ["a", "b"].every((one) => noted(one)));
  cluster.add("c");
  await cluster.until("the third has", () => noted("c") !== undefined);
  await cluster.crash("b");
  cluster.boot("b");
  await cluster.pass(10_000);
  assert.deepEqual(runs.toSorted(), ["a job.service", "b job.service", "c job.service"]);
  assert.equal(resultOf(cluster, "a"), undefined);
});

test("results take another form when a unit becomes global", async (t) => {
  const { cluster } = await clusterOf(t, "a");
  await submit(cluster, `${ONESHOT}/bin/true\n`);
  await cluster.until("it has ended", () => resultOf(cluster, "a") !== undefined);
  const { registry, signal } = cluster;
  const known = { blobInUse: false, tombstone: false, replaces: true };
  const raw = `${ONESHOT}/bin/true\n[X-Fleet]\nGlobal=true\n`;
  await cluster.whileTimePasses(registry.createJob(name, raw, "launched", known, signal));
  const { id } = cluster.machine("a");
  const noted = () => modelOf(cluster, "a")?.notes.results.get(name, id)?.value;
  await cluster.until("its result is noted by machine", () => noted() !== undefined);
  assert.equal(resultOf(cluster, "a"), undefined);
});

test("a oneshot that systemd will not start has failed, with its reason, and is not tried again", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, "[Service]\nType=oneshot\nDescription=no ExecStart\n");
  await cluster.until("its result is noted", () => resultOf(cluster, "a") !== undefined);
  const { result, detail } = resultOf(cluster, "a")!;
  assert.equal(result, "failed");
  assert.match(detail!, /has a bad unit file setting$/);
  await cluster.pass(40_000);
  assert.equal(runs.length, 1);
});

test("the result of a unit that was destroyed is cleared away", async (t) => {
  const { cluster } = await clusterOf(t, "a");
  await submit(cluster, `${ONESHOT}/bin/true\n`);
  await cluster.until("its result is noted", () => resultOf(cluster, "a") !== undefined);
  await cluster.destroy(name);
  await cluster.pass(60_000);
  assert.ok(resultOf(cluster, "a") !== undefined);
  // What becomes of the cluster is looked at when something changes.
  await cluster.until("it is gone", () => resultOf(cluster, "a") === undefined, 1_500_000);
});

test("the end of a service that should go on is noted too", async (t) => {
  const { cluster } = await clusterOf(t, "a");
  await submit(cluster, "[Service]\nExecStart=/bin/false\n");
  await cluster.until("its result is noted", () => resultOf(cluster, "a") !== undefined);
  assert.equal(resultOf(cluster, "a")?.exitStatus, 1);
});

const AT_MOST_ONCE = `${ONESHOT}/bin/sleep 20\n[X-Fleet]\nAtMostOnce=yes\n`;

for (const [how, cut] of [
  ["is lost", async (cluster: SimulatedCluster) => cluster.crash("a")],
  [
    "starts anew",
    async (cluster: SimulatedCluster) => {
      await cluster.crash("a");
      cluster.boot("a");
    },
  ],
  [
    "leaves",
    (cluster: SimulatedCluster) => {
      const { daemon } = cluster.machine("a");
      return cluster.whileTimePasses(daemon!.leave(cluster.signal));
    },
  ],
] as const)
  test(`a run of AtMostOnce whose machine ${how} has an unknown end, and is made again only when asked for`, async (t) => {
    const { cluster, runs } = await clusterOf(t, "a", "b");
    await submit(cluster, AT_MOST_ONCE);
    await cluster.until("it runs", () => cluster.where(name).length === 1);
    await cluster.pass(500);
    await cut(cluster);
    await cluster.until("its result is noted", () => resultOf(cluster, "b") !== undefined, 60_000);
    await cluster.pass(40_000);
    assert.equal(resultOf(cluster, "b")?.result, "unknown");
    assert.equal(resultOf(cluster, "b")?.machine, cluster.machine("a").id);
    assert.deepEqual(runs, ["a job.service"]);
    await set(cluster, "loaded");
    await set(cluster, "launched");
    await cluster.until("it runs again", () => runs.length === 2, 60_000);
    await cluster.until("it ends", () => resultOf(cluster, "b")?.result === "success", 60_000);
  });
