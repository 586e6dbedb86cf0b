// Locks of units of which at most one copy may run, where the store was restored or the original's daemons take part.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { writeLease, writeMachine } from "./core/records.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const UNIT = "db.service" as UnitName;
const ONCE = ["AtMostOnce=yes"];
const ORIGINAL = sampleMachine("o");

async function clusterOf(t: TestContext): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(37);
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of ["a", "b", "c"]) cluster.add(name);
  const isUp = () => [...cluster.machines].every(({ daemon }) => daemon?.isRegistered === true);
  await cluster.until("all are registered", isUp);
  return cluster;
}

const lockOf = (cluster: SimulatedCluster) =>
  cluster.machine("c").daemon!.feed.model.notes.once.get(UNIT)?.value.machine;

async function moveTo(cluster: SimulatedCluster, to: string): Promise<void> {
  const [from] = cluster.where(UNIT);
  const ids = [from!, to].map((name) => cluster.machine(name).id);
  if (from === to) return;
  const moved = cluster.registry.move(UNIT, ids[0]!, ids[1]!, cluster.signal);
  await cluster.whileTimePasses(moved);
  await cluster.until(`it runs on ${to}`, () => cluster.where(UNIT).join() === to);
}

/** Lets time pass until the unit runs on that machine and nowhere else, and checks that it never runs on two. */
async function untilOn(cluster: SimulatedCluster, name: string, limitMs: number): Promise<number> {
  return cluster.until(
    `it runs on ${name}`,
    () => {
      const where = cluster.where(UNIT);
      assert.ok(where.length <= 1, `runs on ${where.join(" and ")}`);
      return where.join() === name;
    },
    limitMs,
  );
}

/** For so long it runs just there. */
async function stays(cluster: SimulatedCluster, name: string, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 50) {
    await cluster.pass(50);
    assert.deepEqual(cluster.where(UNIT), [name], `after ${passedMs} ms`);
  }
}

const put = (cluster: SimulatedCluster, key: string, value: string) =>
  cluster.whileTimePasses(cluster.keys.set(key, value, {}, cluster.signal));
const original = (id = ORIGINAL, publicIp = "o") =>
  writeMachine({ id, publicIp, metadata: new Map(), version: "1.0.0" }, false);

for (const isLocked of [true, false])
  test(`a unit goes on in a restored store ${isLocked ? "that says that another machine has its lock" : "that knows of no lock of it"}`, async (t) => {
    const cluster = await clusterOf(t);
    await cluster.submit(UNIT, { fleet: ONCE, desired: isLocked ? "launched" : "loaded" });
    if (isLocked) {
      await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
      await moveTo(cluster, "a");
    }
    await cluster.pass(1_000);
    const backup = cluster.store.backup();
    const launched = cluster.registry.setDesired(UNIT, "launched", cluster.signal);
    if (!isLocked) await cluster.whileTimePasses(launched);
    await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
    await moveTo(cluster, "b");
    await cluster.pass(20_000);
    await cluster.whileTimePasses(cluster.store.restore(backup));
    await stays(cluster, "b", 60_000);
    assert.equal(lockOf(cluster), cluster.machine("b").id);
    if (!isLocked) return; // the backup says of it that it is only to be loaded
    await cluster.crash("b");
    await cluster.until("it runs elsewhere", () => cluster.where(UNIT).length === 1);
  });

test("nothing starts in a restored store while a machine that is cut off may run it", async (t) => {
  const cluster = await clusterOf(t);
  const fleet = [...ONCE, `MachineMetadata=role=db`];
  const role = (name: string, value: string | undefined) =>
    cluster.whileTimePasses(
      cluster.registry.setMetadata(cluster.machine(name).id, "role", value, cluster.signal),
    );
  await role("a", "db");
  await cluster.submit(UNIT, { fleet });
  await untilOn(cluster, "a", 10_000);
  await cluster.pass(1_000);
  const backup = cluster.store.backup();
  await role("b", "db");
  await moveTo(cluster, "b");
  await cluster.pass(20_000);
  cluster.machine("b").link.cut();
  await cluster.whileTimePasses(cluster.store.restore(backup));
  const { restored } = cluster.machine("a").daemon!.feed;
  await cluster.until("a knows it", () => restored.index !== undefined);
  // Asked for anew, it would start at once; but the other copy runs on for now.
  const asked = cluster.registry.setDesired(UNIT, "launched", cluster.signal);
  await cluster.whileTimePasses(asked);
  assert.deepEqual(cluster.where(UNIT), ["b"]);
  await untilOn(cluster, "a", 60_000);
  cluster.machine("b").link.mend();
  await stays(cluster, "a", 30_000);
});

test("an engine of the original leads: agents break the locks of lost machines that their units wait for", async (t) => {
  const cluster = await clusterOf(t);
  await put(cluster, cluster.at.machine(ORIGINAL, "object"), original());
  await put(cluster, cluster.at.lease, writeLease(ORIGINAL));
  const leads = () => [...cluster.machines].some(({ daemon }) => daemon!.leads);
  await cluster.until("no other leads", () => !leads());
  const ids = Object.fromEntries(["a", "b"].map((name) => [name, cluster.machine(name).id]));
  await cluster.submit(UNIT, { fleet: ONCE });
  await cluster.whileTimePasses(cluster.registry.place(UNIT, ids["a"]!, cluster.signal));
  await untilOn(cluster, "a", 5_000);
  await cluster.pass(3_000);
  // It is cut off, and the original's engine moves the unit as soon as the record is gone.
  cluster.machine("a").link.cut();
  const { model } = cluster.machine("b").daemon!.feed;
  await cluster.until("its record is gone", () => !model.machines.has(ids["a"]!));
  const move = cluster.registry.move(UNIT, ids["a"]!, ids["b"]!, cluster.signal);
  await cluster.whileTimePasses(move);
  assert.equal(leads(), false);
  const tookMs = await untilOn(cluster, "b", 20_000);
  assert.ok(tookMs > 4_000, `only ${tookMs} ms after the record ran out: stopping takes up to 6 s`);
  cluster.machine("a").link.mend();
  await stays(cluster, "b", 20_000);
});

test("a machine that the original's daemon took over keeps no lock", async (t) => {
  const cluster = await clusterOf(t);
  await cluster.submit(UNIT, { fleet: ONCE });
  await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
  await moveTo(cluster, "a");
  await cluster.whileTimePasses(cluster.killDaemon("a"));
  const key = cluster.at.machine(cluster.machine("a").id, "object");
  await put(cluster, key, original(cluster.machine("a").id, "a"));
  const elsewhere = () => {
    const where = cluster.where(UNIT);
    assert.ok(where.length <= 1, `runs on ${where.join(" and ")}`);
    return where.length === 1 && where[0] !== "a";
  };
  await cluster.until("it runs elsewhere", elsewhere, 60_000);
});
