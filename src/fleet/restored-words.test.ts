// What a restored store says of machines and of locks, and what becomes of it.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const NAMES = ["a", "b", "c"];
const unit = (name: string) => `${name}.service` as UnitName;

async function clusterOf(t: TestContext): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(29);
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of NAMES) cluster.add(name);
  const isReady = ({
    daemon,
  }: {
    daemon: SimulatedCluster["machines"] extends Iterable<infer M>
      ? M extends { daemon: infer D }
        ? D
        : never
      : never;
  }) => daemon?.isRegistered === true;
  await cluster.until("all are registered", () => [...cluster.machines].every(isReady));
  return cluster;
}

const idOf = (cluster: SimulatedCluster, name: string) => cluster.machine(name).id;
const setMetadata = (cluster: SimulatedCluster, name: string, role: string) =>
  cluster.whileTimePasses(
    cluster.registry.setMetadata(idOf(cluster, name), "role", role, cluster.signal),
  );
const restore = (
  cluster: SimulatedCluster,
  backup: ReturnType<SimulatedCluster["store"]["backup"]>,
) => cluster.whileTimePasses(cluster.store.restore(backup));

/** For so long, each unit runs just there. */
async function stays(
  cluster: SimulatedCluster,
  where: Readonly<Record<string, readonly string[]>>,
  forMs = 60_000,
): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 50) {
    await cluster.pass(50);
    for (const [name, machines] of Object.entries(where))
      assert.deepEqual(cluster.where(unit(name)), machines, `${name} after ${passedMs} ms`);
  }
}

test("metadata that only the backup knows of moves nothing, also while new texts come; what is said now counts", async (t) => {
  const cluster = await clusterOf(t);
  for (const name of ["a", "b"]) await setMetadata(cluster, name, name);
  const backup = cluster.store.backup();
  await setMetadata(cluster, "a", "web");
  await setMetadata(cluster, "b", "old");
  await setMetadata(cluster, "c", "old");
  const fleet = ["MachineMetadata=role=web"];
  const global = [...fleet, "Global=true"];
  await cluster.submit(unit("x"), { fleet });
  await cluster.submit(unit("g"), { fleet: global });
  await cluster.until("they run", () => cluster.where(unit("g")).length === 1);
  const runs = () => [cluster.where(unit("x")), cluster.where(unit("g"))];
  await cluster.until("both run", () => runs().flat().length === 2);
  await cluster.pass(20_000);
  await restore(cluster, backup);
  await stays(cluster, { x: ["a"], g: ["a"] });
});

test("metadata of the backup moves nothing that the backup knows; what is said of it anew does", async (t) => {
  const cluster = await clusterOf(t);
  const fleet = ["MachineMetadata=role=web"];
  await setMetadata(cluster, "b", "web");
  await cluster.submit(unit("x"), { fleet });
  await cluster.submit(unit("g"), { fleet: [...fleet, "Global=true"] });
  const at = (name: string) => () =>
    ["x", "g"].every((one) => cluster.where(unit(one)).join() === name);
  await cluster.until("both run on b", at("b"));
  await setMetadata(cluster, "b", "db");
  await cluster.until("both end", () => cluster.where(unit("g")).length === 0);
  const backup = cluster.store.backup(); // b is no web machine
  await setMetadata(cluster, "b", "web");
  await cluster.until("both run on b again", at("b"));
  await cluster.pass(20_000);
  await restore(cluster, backup);
  await stays(cluster, { x: ["b"], g: ["b"] });
  await setMetadata(cluster, "c", "web");
  await setMetadata(cluster, "b", "db");
  await cluster.until("both run on c", at("c"), 5_000);
});

test("a machine that left and is back does not leave again on the backup's word", async (t) => {
  const cluster = await clusterOf(t);
  await cluster.submit(unit("x"), { fleet: [`MachineID=${idOf(cluster, "c")}`] });
  await cluster.until("x runs", () => cluster.where(unit("x")).length === 1);
  const set = (isLeaving: boolean) =>
    cluster.whileTimePasses(
      cluster.registry.setLeaving(idOf(cluster, "c"), isLeaving, cluster.signal),
    );
  await set(true);
  const backup = cluster.store.backup();
  await set(false);
  await cluster.until("x runs", () => cluster.where(unit("x")).length === 1);
  await cluster.pass(20_000);
  await restore(cluster, backup);
  await stays(cluster, { x: ["c"] });
  const { model } = cluster.machine("a").daemon!.feed;
  assert.equal(model.machine(idOf(cluster, "c"))?.leaving, false);
  // What only the backup says is not kept either: the machine says anew that it is here.
  const key = cluster.at.machine(idOf(cluster, "c"), "leaving");
  const raw = cluster.keys.get(key, {}, cluster.signal);
  await assert.rejects(cluster.whileTimePasses(raw), { code: 100 });
});

test("what was placed where it runs stays there, until all have told what they run", async (t) => {
  const cluster = await clusterOf(t);
  const [a, b, c] = NAMES.map((name) => idOf(cluster, name));
  await cluster.submit(unit("x"));
  await cluster.submit(unit("y"), { fleet: [`Conflicts=${unit("x")}`] });
  await cluster.until("both run", () =>
    ["x", "y"].every((one) => cluster.where(unit(one)).length === 1),
  );
  const move = async (one: string, to: string) => {
    const [from] = cluster.where(unit(one));
    if (from === to) return;
    const ids = [idOf(cluster, from!), idOf(cluster, to)] as const;
    await cluster.whileTimePasses(cluster.registry.move(unit(one), ...ids, cluster.signal));
    await cluster.until("it moved", () => cluster.where(unit(one)).join() === to);
  };
  assert.ok(a !== b && b !== c);
  await move("x", "a");
  await move("y", "b");
  const backup = cluster.store.backup();
  await move("y", "c");
  await move("x", "b");
  await cluster.pass(20_000);
  // c tells late that y runs there; until then y is placed on b by the backup's word, as x really is.
  await cluster.stopDaemon("c");
  await restore(cluster, backup);
  await stays(cluster, { x: ["b"], y: ["c"] }, 3_000);
  cluster.startDaemon("c");
  await stays(cluster, { x: ["b"], y: ["c"] });
});

test("a machine that boots while the store is restored starts nothing that runs elsewhere", async (t) => {
  const cluster = await clusterOf(t);
  await cluster.submit(unit("x"), { fleet: [`MachineID=${idOf(cluster, "a")}`] });
  await cluster.until("x runs", () => cluster.where(unit("x")).length === 1);
  const backup = cluster.store.backup();
  await cluster.destroy(unit("x"), [`MachineID=${idOf(cluster, "a")}`]);
  await cluster.until("x is gone", () => cluster.where(unit("x")).length === 0);
  await cluster.submit(unit("x"), { fleet: [`MachineID=${idOf(cluster, "b")}`] });
  await cluster.until("x runs on b", () => cluster.where(unit("x")).join() === "b");
  await cluster.crash("a");
  await cluster.pass(20_000);
  await restore(cluster, backup);
  const isKnown = (name: string) => cluster.machine(name).daemon?.feed.restored.index !== undefined;
  await cluster.until("b knows it", () => isKnown("b"));
  await cluster.pass(1_000);
  cluster.boot("a");
  await cluster.until("a is told of it", () => isKnown("a"));
  await stays(cluster, { x: ["b"] }, 90_000);
});

test("what runs twice since the store was restored is ended in one place, on record", async (t) => {
  const cluster = await clusterOf(t);
  await cluster.submit(unit("x"), { fleet: ["MachineMetadata=role=web"] });
  await setMetadata(cluster, "a", "web");
  await cluster.until("x runs on a", () => cluster.where(unit("x")).join() === "a");
  const backup = cluster.store.backup();
  await setMetadata(cluster, "b", "web");
  const move = [idOf(cluster, "a"), idOf(cluster, "b")] as const;
  await cluster.whileTimePasses(cluster.registry.move(unit("x"), ...move, cluster.signal));
  await cluster.until("x runs on b", () => cluster.where(unit("x")).join() === "b");
  await cluster.pass(20_000);
  // b cannot tell that it runs there, until long after nobody waits for it any more.
  cluster.machine("b").link.cut();
  await restore(cluster, backup);
  await cluster.until("it runs twice", () => cluster.where(unit("x")).length === 2, 60_000);
  cluster.machine("b").link.mend();
  await cluster.until("it runs once", () => cluster.where(unit("x")).join() === "a", 60_000);
  await stays(cluster, { x: ["a"] }, 30_000);
});
