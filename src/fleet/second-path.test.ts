import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { viewMachines, viewStates } from "./core/views.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const NAMES = ["a", "b", "c"];

/** Three machines, each with a unit. */
async function clusterOf(t: TestContext, seed = 11): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed);
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of NAMES) cluster.add(name);
  await cluster.until("one leads", () => leaderOf(cluster) !== undefined);
  await cluster.until(
    "all are registered",
    () => cluster.machine("a").daemon!.feed.model.machines.size === NAMES.length,
  );
  for (const i of [1, 2, 3]) await cluster.submit(`u${i}.service`);
  await cluster.until("each runs one", () => each(cluster).every((units) => units.length === 1));
  return cluster;
}

function each(cluster: SimulatedCluster): string[][] {
  return Object.values(cluster.running());
}

function leaderOf(cluster: SimulatedCluster): string | undefined {
  return NAMES.find((name) => cluster.machine(name).daemon?.leads);
}

function heldBy(cluster: SimulatedCluster): string[] {
  const { feed } = cluster.machine(leaderOf(cluster)!).daemon!;
  return [...feed.verdict().held.values()];
}

for (const which of ["a follower", "the leader"])
  test(`${which} that lost only the store keeps its units, and they move once it is dead`, async (t) => {
    const cluster = await clusterOf(t);
    const leader = leaderOf(cluster)!;
    const name = which === "the leader" ? leader : NAMES.find((one) => one !== leader)!;
    const machine = cluster.machine(name);
    const before = cluster.running();
    machine.link.isStoreAway = true;
    await cluster.pass(12 * 60_000); // leftovers of machines that are gone are cleared away by then
    assert.deepEqual(cluster.running(), before);
    for (const other of NAMES.filter((one) => one !== name)) {
      const { feed } = cluster.machine(other).daemon!;
      assert.deepEqual([...feed.verdict().held.keys()], [machine.id], `as ${other} has it`);
      const shown = viewMachines(feed.model).find(({ id }) => id === machine.id);
      assert.equal(shown?.state, "held");
      assert.match(shown.held!.reason, /is alive at/);
      const states = viewStates(feed.model, { unitName: undefined, machineID: machine.id });
      assert.equal(states.length, 1, "its units are still listed");
    }
    const [held] = heldBy(cluster);
    assert.match(held!, new RegExp(`^machine ${machine.id} is alive at simulated://${name} but`));
    const [unit] = before[name]!;
    await cluster.crash(name);
    const tookMs = await cluster.until(
      "it runs elsewhere",
      () => cluster.where(unit!).length === 1,
    );
    assert.ok(tookMs <= 10_000, `took ${tookMs} ms`);
  });

test("a machine that is back with the store goes on as if nothing had been", async (t) => {
  const cluster = await clusterOf(t);
  const before = cluster.running();
  const [name] = NAMES.filter((one) => one !== leaderOf(cluster));
  cluster.machine(name!).link.isStoreAway = true;
  await cluster.pass(60_000);
  cluster.machine(name!).link.mend();
  await cluster.pass(60_000);
  assert.deepEqual(cluster.running(), before);
  assert.deepEqual(heldBy(cluster), []);
  const { model } = cluster.machine("a").daemon!.feed;
  assert.deepEqual(
    viewMachines(model).map(({ state }) => state ?? "ready"),
    ["ready", "ready", "ready"],
  );
});

test("another boot of the machine does not speak for the one that was lost", async (t) => {
  const cluster = await clusterOf(t);
  const [name] = NAMES.filter((one) => one !== leaderOf(cluster));
  const [unit] = cluster.running()[name!]!;
  await cluster.crash(name!);
  cluster.machine(name!).link.isStoreAway = true;
  cluster.startDaemon(name!);
  const tookMs = await cluster.until("it runs elsewhere", () => cluster.where(unit!).length === 1);
  assert.ok(tookMs <= 10_000, `took ${tookMs} ms`);
});

test("a machine that only the leader cannot reach is found alive by the others", async (t) => {
  const cluster = await clusterOf(t);
  const leader = leaderOf(cluster)!;
  const [name] = NAMES.filter((one) => one !== leader);
  const machine = cluster.machine(name!);
  const before = cluster.running();
  machine.link.isStoreAway = true;
  machine.refuses.add(leader);
  await cluster.pass(120_000);
  assert.deepEqual(cluster.running(), before);
  assert.equal(heldBy(cluster).length, 1);
});

test("whichever machine loses its power, its units run elsewhere within 10 s", async (t) => {
  const seeds = 100;
  for (let seed = 1; seed <= seeds; seed++)
    for (const led of [true, false]) {
      const cluster = await clusterOf(t, seed);
      await cluster.pass(seed * 37);
      const leader = leaderOf(cluster)!;
      await cluster.crash(led ? leader : NAMES.find((one) => one !== leader)!);
      const count = () => each(cluster).flat().length;
      const tookMs = await cluster.until("all run again", () => count() === 3);
      assert.ok(tookMs <= 10_000, `seed ${seed}, led ${led}: ${tookMs} ms`);
      await cluster[Symbol.asyncDispose]();
    }
});
