// Two machines with one id and one address, as a cloned disk behind a NAT makes them, and boots that follow each other.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SimulatedCluster } from "./simulated-cluster.ts";

const ONCE = ["AtMostOnce=yes"];

async function clusterOf(t: TestContext): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(31);
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of ["a", "b"]) cluster.add(name);
  await cluster.until("all are registered", () => isOn(cluster, "a") && isOn(cluster, "b"));
  return cluster;
}

const isOn = (cluster: SimulatedCluster, name: string) =>
  cluster.machine(name).daemon?.isRegistered === true;
const conflictOf = (cluster: SimulatedCluster, name: string) =>
  cluster.machine(name).daemon?.conflict;

test("a copy of a live machine at its address is refused, and touches nothing", async (t) => {
  const cluster = await clusterOf(t);
  const onA = [`MachineID=${cluster.machine("a").id}`];
  await cluster.submit("x.service", { fleet: onA });
  await cluster.submit("once.service", { fleet: [...onA, ...ONCE] });
  await cluster.until("both run", () => cluster.running()["a"]?.length === 2);
  cluster.add("copy", "", 1, "a");
  for (let passedMs = 0; passedMs < 60_000; passedMs += 50) {
    await cluster.pass(50);
    assert.deepEqual(cluster.running()["copy"], []);
    assert.equal(cluster.running()["a"]?.length, 2);
    assert.ok(isOn(cluster, "a"), `a is not on record after ${passedMs} ms`);
  }
  assert.match(
    conflictOf(cluster, "copy") ?? "",
    /Cannot register machine 61.* at a: a live machine at a has/,
  );
  await cluster.crash("a");
  await cluster.until("the copy takes its place", () => isOn(cluster, "copy"));
  await cluster.until("all runs there", () => cluster.running()["copy"]?.length === 2);
});

test("of two copies the one that comes back finds the other in its place, and stays off the record", async (t) => {
  const cluster = await clusterOf(t);
  const onA = [`MachineID=${cluster.machine("a").id}`];
  await cluster.submit("once.service", { fleet: [...onA, ...ONCE] });
  await cluster.until("it runs", () => cluster.running()["a"]?.length === 1);
  cluster.machine("a").link.cut();
  cluster.add("copy", "", 1, "a");
  // While the first cannot be told from a boot that is over, for what is left of its lease, both may run it.
  const isTaken = () => isOn(cluster, "copy") && cluster.where("once.service").join() === "copy";
  await cluster.until("the copy has the record and the unit", isTaken, 12_000);
  cluster.machine("a").link.mend();
  const refused = () => {
    assert.deepEqual(cluster.where("once.service"), ["copy"]);
    return conflictOf(cluster, "a") !== undefined;
  };
  await cluster.until("a is refused", refused);
  for (let passedMs = 0; passedMs < 30_000; passedMs += 50) {
    await cluster.pass(50);
    assert.deepEqual(cluster.where("once.service"), ["copy"]);
    assert.ok(isOn(cluster, "copy") && !isOn(cluster, "a"));
  }
});

test("a machine that boots while its record lives on takes it over within half its time to live", async (t) => {
  const cluster = await clusterOf(t);
  await cluster.crash("a");
  cluster.boot("a");
  const tookMs = await cluster.until("it is back", () => isOn(cluster, "a"));
  assert.ok(tookMs <= 3_500, `${tookMs} ms`);
  assert.equal(conflictOf(cluster, "a"), undefined);
});

test("what an earlier boot told of its units lets nothing start after them", async (t) => {
  const cluster = await clusterOf(t);
  const [a, b] = ["a", "b"].map((name) => `MachineID=${cluster.machine(name).id}`);
  await cluster.submit("db.service", { fleet: [a!, "After=net.service"] });
  await cluster.until("db runs", () => cluster.where("db.service").length === 1);
  await cluster.pass(1_000);
  // From now on db waits for something that never comes.
  await cluster.submit("net.service", { fleet: ["MachineMetadata=role=none"] });
  await cluster.crash("a");
  cluster.boot("a");
  await cluster.until("a is back", () => isOn(cluster, "a"));
  await cluster.submit("app.service", { fleet: [b!, "After=db.service"] });
  await cluster.pass(20_000);
  assert.deepEqual([cluster.where("db.service"), cluster.where("app.service")], [[], []]);
  await cluster.destroy("net.service", ["MachineMetadata=role=none"]);
  await cluster.until("app runs", () => cluster.where("app.service").length === 1);
});
