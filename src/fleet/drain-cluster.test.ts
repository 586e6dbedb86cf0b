import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { writeDrain, writeMark } from "./core/machine-marks.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

/** Machines that know each other; one of them leads. */
async function clusterOf(t: TestContext, ...names: string[]): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(11, openLogger("silent"));
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of names) cluster.add(name);
  await cluster.until(
    "all are there and one leads",
    () =>
      names.every((name) => modelOf(cluster, name).machines.size === names.length) &&
      names.some((name) => cluster.machine(name).daemon!.leads),
  );
  return cluster;
}

function modelOf(cluster: SimulatedCluster, name: string) {
  return cluster.machine(name).daemon!.feed.model;
}

const MARK = { by: "alice", at: "2026-01-01T00:00:00.000Z", why: "" };

/** As the API does. */
async function drain(cluster: SimulatedCluster, name: string, deadlineMs?: number): Promise<void> {
  const { clock, registry, signal } = cluster;
  const { id } = cluster.machine(name);
  const deadline =
    deadlineMs === undefined
      ? undefined
      : new Date(clock.now().getTime() + deadlineMs).toISOString();
  const text = writeDrain({ ...MARK, deadline, isOver: false });
  await cluster.whileTimePasses(registry.setMark(id, "cordoned", writeMark(MARK), signal));
  await cluster.whileTimePasses(registry.setMark(id, "draining", text, signal));
}

async function uncordon(cluster: SimulatedCluster, name: string): Promise<void> {
  const { registry, signal } = cluster;
  const { id } = cluster.machine(name);
  for (const part of ["draining", "cordoned"] as const)
    await cluster.whileTimePasses(registry.setMark(id, part, undefined, signal));
}

function unitsOn(cluster: SimulatedCluster, name: string): string[] {
  return cluster.running()[name]!;
}

test("a drain empties a machine a few units at a time, each running elsewhere before the next go", async (t) => {
  const cluster = await clusterOf(t, "a", "b", "c");
  const names = Array.from({ length: 24 }, (_, i) => `u${i}.service`);
  for (const name of names) await cluster.submit(name);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === names.length);
  await cluster.pass(500);
  assert.equal(unitsOn(cluster, "a").length, 8);
  await drain(cluster, "a");
  let fewest = names.length;
  await cluster.until("a is empty", () => {
    fewest = Math.min(fewest, new Set(Object.values(cluster.running()).flat()).size);
    return unitsOn(cluster, "a").length === 0;
  });
  assert.ok(fewest >= names.length - 4, `${fewest} of ${names.length} ran`);
  await cluster.until("all run again", () => count() === names.length);
  assert.deepEqual([unitsOn(cluster, "b").length, unitsOn(cluster, "c").length], [12, 12]);
  await cluster.pass(20_000);
  assert.deepEqual(unitsOn(cluster, "a"), []);
  await uncordon(cluster, "a");
  await cluster.submit("new.service");
  await cluster.until("a takes units again", () => unitsOn(cluster, "a").length === 1);
});

test("a drain goes on when its engine dies, and is not forgotten by a machine that reboots", async (t) => {
  const names = ["a", "b", "c"];
  const cluster = await clusterOf(t, ...names);
  for (let i = 0; i < 18; i++) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 18);
  const [leader] = names.filter((name) => cluster.machine(name).daemon?.leads);
  const other = names.find((name) => name !== leader)!;
  await drain(cluster, other);
  await cluster.killDaemon(leader!);
  await cluster.until("it is empty", () => unitsOn(cluster, other).length === 0, 60_000);
  await cluster.crash(other);
  cluster.boot(other);
  cluster.startDaemon(leader!);
  await cluster.until("both are back", () =>
    [leader!, other].every((name) => cluster.machine(name).daemon!.isRegistered),
  );
  await cluster.submit("new.service");
  await cluster.until("all run again", () => count() === 19, 60_000);
  assert.deepEqual(unitsOn(cluster, other), []);
});

test("what fits nowhere else runs on until the deadline, which stops it, global units too; uncordon brings all back", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  const { id } = cluster.machine("a");
  await cluster.submit("own.service", { fleet: [`MachineID=${id}`] });
  await cluster.submit("all.service", { fleet: ["Global=true"] });
  await cluster.submit("free.service");
  const running = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => running() === 4);
  await drain(cluster, "a");
  await cluster.pass(10_000);
  assert.deepEqual(unitsOn(cluster, "a").sort(), ["all.service", "own.service"]);
  await drain(cluster, "a", 5_000);
  await cluster.pass(4_000);
  assert.deepEqual(unitsOn(cluster, "a").sort(), ["all.service", "own.service"]);
  await cluster.until("a is empty", () => unitsOn(cluster, "a").length === 0, 4_000);
  assert.deepEqual(unitsOn(cluster, "b").sort(), ["all.service", "free.service"]);
  const name = "own.service" as UnitName;
  assert.equal(modelOf(cluster, "b").jobs.get(name)?.target, undefined);
  assert.equal(modelOf(cluster, "b").jobs.get(name)?.desired, "launched");
  await uncordon(cluster, "a");
  await cluster.until("they are back", () => unitsOn(cluster, "a").length === 2);
});

test("a unit that waits for room moves when there is some", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await cluster.submit("w@1.service", { fleet: ["MaxPerMachine=1 w@*"] });
  await cluster.submit("w@2.service", { fleet: ["MaxPerMachine=1 w@*"] });
  await cluster.until("both run", () => Object.values(cluster.running()).flat().length === 2);
  await drain(cluster, "a");
  await cluster.pass(10_000);
  assert.equal(unitsOn(cluster, "a").length, 1);
  cluster.add("c");
  await cluster.until("it moved", () => unitsOn(cluster, "c").length === 1);
  await cluster.until("a is empty", () => unitsOn(cluster, "a").length === 0);
});

test("a unit that does not become active elsewhere holds the others up for a minute, not for ever", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  const names = Array.from({ length: 12 }, (_, i) => `u${i}.service`);
  for (const name of names) await cluster.submit(name);
  await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 12);
  await cluster.pass(500);
  const { systemd } = cluster.machine("b");
  for (const name of names) systemd.setFailing(name, true);
  await drain(cluster, "a");
  await cluster.pass(30_000);
  assert.equal(unitsOn(cluster, "a").length, 2);
  await cluster.until("the others go", () => unitsOn(cluster, "a").length === 0, 40_000);
});

test("of machines that vanished together and are held, one that is removed is given up at once; back again, it is like new", async (t) => {
  const cluster = await clusterOf(t, "a", "b", "c");
  for (let i = 0; i < 6; i++) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 6);
  await Promise.all([cluster.crash("a"), cluster.crash("b")]);
  await cluster.pass(20_000);
  assert.equal(unitsOn(cluster, "c").length, 2, "held");
  const { registry, signal } = cluster;
  const { id } = cluster.machine("a");
  await cluster.whileTimePasses(registry.markRemoved(id, writeMark(MARK), signal));
  await cluster.whileTimePasses(registry.removeMachine(id, signal));
  await cluster.until("its units run", () => unitsOn(cluster, "c").length === 4, 3_000);
  await cluster.pass(10_000);
  assert.equal(unitsOn(cluster, "c").length, 4, "the other one is held still");
  cluster.boot("a");
  await cluster.until("a is back", () => cluster.machine("a").daemon!.isRegistered);
  await cluster.until("nothing says that it was removed", () => {
    const machine = modelOf(cluster, "c").machine(id);
    return machine?.record !== undefined && machine.removed === undefined;
  });
  await cluster.submit("new.service");
  await cluster.until("a takes units", () => unitsOn(cluster, "a").length === 1);
});
