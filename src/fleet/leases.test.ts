import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const UNIT = "db.service";
const STOP = ["OnPartition=stop"];
const ONCE = ["AtMostOnce=yes"];
/** From the last heartbeat that came through: five sixths of the time to live, and what it takes to stop. */
const STOPPED_MS = 5_000 + 100;

/** Three machines of which one runs the unit. */
async function given(fleet: readonly string[], seed = 1) {
  const cluster = new SimulatedCluster(seed);
  for (const name of ["a", "b", "c"]) cluster.add(name);
  const isUp = () => [...cluster.machines].every(({ daemon }) => daemon?.isRegistered === true);
  await cluster.until("all are registered", isUp);
  await cluster.submit(UNIT, { fleet });
  await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
  await cluster.pass(3_000);
  return cluster;
}

/** Lets time pass until the unit runs on another machine, and checks that it never runs on two. */
async function untilElsewhere(cluster: SimulatedCluster, from: string, limitMs = 60_000) {
  return cluster.until(
    `it runs elsewhere than on ${from}`,
    () => {
      const where = cluster.where(UNIT);
      assert.ok(where.length <= 1, `runs on ${where.join(" and ")}`);
      return where.length === 1 && where[0] !== from;
    },
    limitMs,
  );
}

const only = (cluster: SimulatedCluster) => cluster.where(UNIT)[0]!;

for (const fleet of [STOP, ONCE]) {
  test(`${fleet[0]}: a machine that is cut off stops the unit before another starts it`, async () => {
    await using cluster = await given(fleet);
    const from = only(cluster);
    cluster.machine(from).link.cut();
    const tookMs = await cluster.until("it is stopped", () => cluster.where(UNIT).length === 0);
    assert.ok(tookMs <= STOPPED_MS, `${tookMs} ms`);
    assert.ok((await untilElsewhere(cluster, from)) > 1_000);
    cluster.machine(from).link.mend();
    await cluster.pass(20_000);
    assert.equal(cluster.where(UNIT).length, 1);
  });

  test(`${fleet[0]}: a daemon that is paused has its unit stopped by systemd`, async () => {
    await using cluster = await given(fleet);
    const from = only(cluster);
    cluster.machine(from).process.pause();
    await cluster.until("it is stopped", () => cluster.where(UNIT).length === 0, STOPPED_MS);
    await untilElsewhere(cluster, from);
    cluster.machine(from).process.resume();
    for (let i = 0; i < 2_000; i++) {
      await cluster.pass(10);
      assert.ok(cluster.where(UNIT).length <= 1, cluster.where(UNIT).join(" and "));
    }
  });

  test(`${fleet[0]}: a daemon that is killed and back in time leaves its unit alone`, async () => {
    await using cluster = await given(fleet);
    const from = only(cluster);
    const token = cluster.machine(from).files.tokens.get(UNIT as UnitName);
    await cluster.whileTimePasses(cluster.killDaemon(from));
    await cluster.pass(1_500);
    cluster.startDaemon(from);
    for (let i = 0; i < 1_500; i++) {
      await cluster.pass(10);
      assert.deepEqual(cluster.where(UNIT), [from]);
    }
    assert.equal(cluster.machine(from).files.tokens.get(UNIT as UnitName), token);
  });

  test(`${fleet[0]}: the store is away for long: the unit stops, and starts again when it is back`, async () => {
    await using cluster = await given(fleet);
    await cluster.store.crash();
    await cluster.until("it is stopped", () => cluster.where(UNIT).length === 0, STOPPED_MS);
    await cluster.pass(20_000);
    assert.deepEqual(cluster.where(UNIT), []);
    cluster.store.start();
    await cluster.until("it runs again", () => cluster.where(UNIT).length === 1, 90_000);
  });
}

test("OnPartition=keep: a daemon that is paused leaves its unit running", async () => {
  await using cluster = await given(["OnPartition=keep"]);
  const from = only(cluster);
  cluster.machine(from).process.pause();
  await cluster.pass(20_000);
  assert.ok(cluster.where(UNIT).includes(from));
  cluster.machine(from).process.resume();
});

test("a unit that ended by itself is not started again when the lease is back", async () => {
  await using cluster = await given(STOP);
  const { name, systemd, link } = cluster.machine(only(cluster));
  await cluster.submit("other.service", { fleet: [...STOP, `MachineOf=${UNIT}`] });
  await cluster.until("both run", () => cluster.where("other.service").length === 1);
  systemd.exitUnit(UNIT, 0);
  await cluster.pass(100);
  for (const { link } of cluster.machines) link.cut();
  await cluster.until("the other stops", () => cluster.where("other.service").length === 0);
  link.mend();
  await cluster.until("the other runs", () => cluster.where("other.service").length === 1, 90_000);
  await cluster.pass(10_000);
  assert.deepEqual(cluster.where("other.service"), [name]);
  assert.deepEqual(cluster.where(UNIT), []);
});

test("AtMostOnce: moves, drains and new texts never make two, and every start has a greater token", async () => {
  await using cluster = await given(ONCE);
  const tokens = [];
  for (const fleet of [
    [...ONCE, "Priority=1"],
    [...ONCE, "Priority=2"],
  ]) {
    const from = only(cluster);
    tokens.push(cluster.machine(from).files.tokens.get(UNIT as UnitName)!);
    const { daemon } = cluster.machine(from);
    const left = daemon!.leave(cluster.signal);
    await untilElsewhere(cluster, from);
    await cluster.whileTimePasses(left);
    await cluster.stopDaemon(from);
    cluster.startDaemon(from);
    tokens.push(cluster.machine(only(cluster)).files.tokens.get(UNIT as UnitName)!);
    await cluster.destroy(UNIT, ONCE);
    await cluster.submit(UNIT, { fleet });
    for (let i = 0; i < 300; i++) {
      await cluster.pass(10);
      assert.ok(cluster.where(UNIT).length <= 1);
    }
    await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
    tokens.push(cluster.machine(only(cluster)).files.tokens.get(UNIT as UnitName)!);
  }
  assert.deepEqual(
    tokens,
    [...tokens].sort((a, b) => a - b),
  );
  assert.ok(new Set(tokens).size >= 5);
});

test("AtMostOnce: nothing starts while another machine holds the lock, and it is broken when that is gone", async () => {
  await using cluster = await given(ONCE);
  const from = only(cluster);
  const other = [...cluster.machines].find(({ name }) => name !== from)!;
  // An engine that knows nothing of locks, as the original's, moves it at once.
  cluster.machine(from).link.cut();
  await cluster.whileTimePasses(
    cluster.registry.move(UNIT as UnitName, cluster.machine(from).id, other.id, cluster.signal),
  );
  const tookMs = await untilElsewhere(cluster, from);
  assert.deepEqual(cluster.where(UNIT), [other.name]);
  assert.ok(tookMs > 5_000, `${tookMs} ms`);
});

test("AtMostOnce: a daemon that finds its record of leased units gone knows them by their texts", async () => {
  await using cluster = await given(ONCE);
  const from = only(cluster);
  const { files } = cluster.machine(from);
  await cluster.whileTimePasses(cluster.killDaemon(from));
  await files.writeLease({ run: "", leased: [], ended: [] });
  cluster.startDaemon(from);
  for (let i = 0; i < 2_000; i++) {
    await cluster.pass(10);
    assert.deepEqual(cluster.where(UNIT), [from]);
  }
  const token = files.tokens.get(UNIT as UnitName)!;
  await setDesired(cluster, "loaded");
  await cluster.until("it is stopped", () => cluster.where(UNIT).length === 0);
  await setDesired(cluster, "launched");
  await cluster.until("it runs again", () => cluster.where(UNIT).length === 1);
  assert.ok(files.tokens.get(UNIT as UnitName)! > token);
});

test("a unit that left the record of leased units while its machine was away is not found in it again", async () => {
  await using cluster = await given(STOP);
  const from = only(cluster);
  const { files } = cluster.machine(from);
  await cluster.whileTimePasses(cluster.killDaemon(from));
  const { run, leased, ended } = (await files.readLease())!;
  await files.writeLease({ run, leased: [...leased, "other.service"], ended });
  cluster.startDaemon(from);
  await cluster.submit("other.service", { fleet: [`MachineOf=${UNIT}`] });
  await cluster.until("it runs", () => cluster.where("other.service").length === 1);
  assert.deepEqual((await files.readLease())?.leased, [UNIT]);
});

test("AtMostOnce: a unit that could not be put on record at once is so when it runs", async () => {
  await using cluster = await given(ONCE);
  for (const { disk } of cluster.machines) disk.isFull = true;
  await cluster.submit("other.service", { fleet: [...ONCE, `MachineOf=${UNIT}`] });
  await cluster.pass(8_000);
  assert.deepEqual(cluster.where("other.service"), []);
  for (const { disk } of cluster.machines) disk.isFull = false;
  await cluster.until("it runs", () => cluster.where("other.service").length === 1, 6_000);
  const [at] = cluster.where("other.service");
  const record = await cluster.machine(at!).files.readLease();
  assert.ok(record?.leased.includes("other.service"), JSON.stringify(record));
});

async function setDesired(cluster: SimulatedCluster, desired: "loaded" | "launched") {
  const { registry, signal } = cluster;
  await cluster.whileTimePasses(registry.setDesired(UNIT as UnitName, desired, signal));
}
