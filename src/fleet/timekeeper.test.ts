import assert from "node:assert/strict";
import { test } from "node:test";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import { clusterOf, modelOf, name, resultOf, set, submit } from "./simulated-jobs.ts";

const ONESHOT = "[Service]\nType=oneshot\nExecStart=";

function timer(command: string, ...lines: string[]): string {
  return `${ONESHOT}${command}\n[X-Fleet]\n${lines.join("\n")}\n`;
}

function leaderOf(cluster: SimulatedCluster, names: readonly string[]): string | undefined {
  return names.find((one) => cluster.machine(one).daemon?.leads);
}

function armed(cluster: SimulatedCluster, on: string): boolean {
  const model = modelOf(cluster, on);
  return (
    model?.notes.timers.get(name) !== undefined && model.jobs.get(name)?.launchedOn !== undefined
  );
}

test("a timer's unit runs each time that the calendar says, on one machine, and not before", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b", "c");
  await submit(cluster, timer("/bin/true", "OnCalendar=*:*:0/10"));
  await cluster.until("it is armed", () => armed(cluster, "a"));
  assert.deepEqual([runs, cluster.where(name)], [[], []]);
  const nowMs = cluster.clock.now().getTime();
  await cluster.pass(60_000 - (nowMs % 10_000) + 5_000);
  assert.equal(runs.length, 6);
  assert.equal(new Set(runs).size, 1);
  const run = modelOf(cluster, "b")?.notes.runs.get(name);
  assert.equal(resultOf(cluster, "b")?.generation, run?.index);
  assert.equal(Date.parse(run!.value.scheduled) % 10_000, 0);
});

test("a change of leader at the moment of a run makes neither two nor none", async (t) => {
  const names = ["a", "b", "c"];
  for (const killAtMs of [-20, -1, 0, 1, 5, 10, 20]) {
    const { cluster, runs } = await clusterOf(t, ...names);
    await submit(cluster, timer("/bin/true", "OnCalendar=*:*:00", "MachineMetadata=!none"));
    await cluster.until("it is armed", () => armed(cluster, "a"));
    const host = modelOf(cluster, "a")!.jobs.get(name)!.target!.value;
    const leader = leaderOf(cluster, names)!;
    const untilMs = 60_000 - (cluster.clock.now().getTime() % 60_000);
    await cluster.pass(untilMs + killAtMs);
    await cluster.killDaemon(leader);
    const isHost = cluster.machine(leader).id === host;
    if (isHost) cluster.startDaemon(leader);
    await cluster.until("another leads", () => leaderOf(cluster, names) !== undefined);
    await cluster.pass(20_000);
    assert.equal(runs.length, 1, `killed ${killAtMs} ms after it was due: ${runs.join(", ")}`);
  }
});

test("two engines that both believe to lead, one of them with a clock that is ahead, have it run once", async (t) => {
  const names = ["a", "b"];
  const { cluster, runs } = await clusterOf(t, ...names, "host");
  const there = `MachineID=${cluster.machine("host").id}`;
  await submit(cluster, timer("/bin/true", "OnCalendar=*:*:00", there));
  await cluster.until("it is armed", () => armed(cluster, "a"));
  const leader = leaderOf(cluster, names)!;
  const other = names.find((one) => one !== leader)!;
  cluster.machine(other).wallAheadMs = 30_000;
  const untilMs = 60_000 - (cluster.clock.now().getTime() % 60_000);
  await cluster.pass(untilMs - 29_000);
  cluster.machine(leader).process.pause();
  await cluster.until("the other leads", () => cluster.machine(other).daemon!.leads);
  await cluster.pass(3_000);
  cluster.machine(leader).process.resume();
  await cluster.pass(45_000);
  assert.equal(runs.length, 1, runs.join(", "));
});

for (const { policy, count } of [
  { policy: "skip", count: 0 },
  { policy: "run", count: 1 },
])
  test(`OnMissed=${policy}: what nobody could start in time is run ${count} times`, async (t) => {
    const { cluster, runs } = await clusterOf(t, "a");
    await submit(cluster, timer("/bin/true", "OnCalendar=*:0/5", `OnMissed=${policy}`));
    await cluster.until("it is armed", () => armed(cluster, "a"));
    cluster.machine("a").link.cut();
    const toHourMs = 3_600_000 - (cluster.clock.now().getTime() % 300_000);
    await cluster.pass(toHourMs + 120_000);
    assert.deepEqual(runs, []);
    cluster.machine("a").link.mend();
    await cluster.until("it leads again", () => cluster.machine("a").daemon!.leads);
    await cluster.pass(20_000);
    assert.equal(runs.length, count);
    await cluster.pass(300_000);
    assert.equal(runs.length, count + 1);
  });

for (const { policy, count, ended } of [
  { policy: "skip", count: 3, ended: 2 },
  { policy: "queue", count: 4, ended: 3 },
  { policy: "replace", count: 6, ended: 0 },
])
  test(`OnOverlap=${policy}: a run that is due while the one before goes on`, async (t) => {
    const { cluster, runs } = await clusterOf(t, "a");
    await submit(cluster, timer("/bin/sleep 15", "OnCalendar=*:*:0/10", `OnOverlap=${policy}`));
    await cluster.until("it is armed", () => armed(cluster, "a"));
    const results = new Set<number>();
    const untilMs = 10_000 - (cluster.clock.now().getTime() % 10_000);
    await cluster.pass(untilMs + 5_000);
    for (let i = 0; i < 50; i++) {
      await cluster.pass(1_000);
      const { generation, result } = resultOf(cluster, "a") ?? {};
      if (generation !== undefined && result === "success") results.add(generation);
    }
    assert.deepEqual([runs.length, results.size], [count, ended]);
  });

test("stopping a timer's unit disarms it, and starting it again makes up for nothing", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, timer("/bin/true", "OnCalendar=*:*:0/10", "OnMissed=run"));
  await cluster.until("it runs", () => runs.length === 1);
  await set(cluster, "loaded");
  await cluster.pass(35_000);
  assert.equal(runs.length, 1);
  await cluster.pass(10_500 - (cluster.clock.now().getTime() % 10_000));
  await set(cluster, "launched");
  await cluster.pass(5_000);
  assert.equal(runs.length, 1);
  await cluster.pass(5_000);
  assert.equal(runs.length, 2);
});

test("a timer's unit that moves between runs does not run for that, nor when its machine starts anew", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await submit(cluster, timer("/bin/true", "OnCalendar=*:0/10"));
  await cluster.until("it ran", () => resultOf(cluster, "b") !== undefined, 700_000);
  const machine = runs[0]!.split(" ")[0]!;
  await cluster.crash(machine);
  cluster.boot(machine);
  await cluster.pass(10_000);
  await cluster.crash(machine);
  const other = machine === "a" ? "b" : "a";
  const { model } = cluster.machine(other).daemon!.feed;
  const { id } = cluster.machine(other);
  await cluster.until("it is placed elsewhere", () => model.jobs.get(name)?.target?.value === id);
  await cluster.pass(20_000);
  assert.equal(runs.length, 1);
  await cluster.pass(600_000);
  assert.deepEqual(runs.slice(1), [`${other} ${name}`]);
});

test("a clock that is set back by a day does not keep a timer from running", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  cluster.machine("a").wallAheadMs = 86_400_000;
  await submit(cluster, timer("/bin/true", "OnCalendar=*:*:0/10"));
  await cluster.until("it runs", () => runs.length === 1);
  cluster.machine("a").wallAheadMs = 0;
  await cluster.pass(25_000);
  assert.ok(runs.length >= 2 && runs.length <= 4, String(runs.length));
});

test("a service that is no oneshot runs by the clock too, until its end", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a");
  await submit(cluster, "[Service]\nExecStart=/bin/sleep 3\n[X-Fleet]\nOnCalendar=*:*:0/10\n");
  await cluster.until("it runs", () => runs.length === 1);
  await cluster.until("its end is noted", () => resultOf(cluster, "a") !== undefined);
  await cluster.until("it runs again", () => runs.length === 2);
});
