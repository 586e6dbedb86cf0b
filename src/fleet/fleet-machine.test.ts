import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { Log } from "#log/core/log.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SimulatedCluster, type SimulationHooks, unitText } from "./simulated-cluster.ts";

/** `KEELSON_TEST_LOG=1` shows what the daemons log. */
function clusterOf(t: TestContext, ...names: string[]): Promise<SimulatedCluster> {
  return clusterWith({}, t, ...names);
}

async function clusterWith(
  hooks: SimulationHooks,
  t: TestContext,
  ...names: string[]
): Promise<SimulatedCluster> {
  const level = process.env["KEELSON_TEST_LOG"] ? "debug" : "silent";
  const cluster = new SimulatedCluster(7, openLogger(level), hooks);
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of names) cluster.add(name);
  const daemons = names.map((name) => cluster.machine(name).daemon!);
  await cluster.until(
    "all are registered and one leads",
    () =>
      daemons.every(
        ({ isRegistered, feed }) => isRegistered && feed.model.machines.size === names.length,
      ) && daemons.some(({ leads }) => leads),
  );
  return cluster;
}

function leaderOf(cluster: SimulatedCluster, names: readonly string[]): string[] {
  return names.filter((name) => cluster.machine(name).daemon?.leads);
}

test("a submitted unit runs on one machine, is reported, and goes when destroyed", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await cluster.submit("x.service");
  const tookMs = await cluster.until("x runs", () => cluster.where("x.service").length > 0);
  assert.ok(tookMs <= 250, `took ${tookMs} ms`);
  assert.deepEqual(cluster.where("x.service"), ["a"]);
  const { model } = cluster.machine("b").daemon!.feed;
  const name = "x.service" as UnitName;
  const { id } = cluster.machine("a");
  await cluster.until(
    "it is reported",
    () =>
      model.states.get(name)?.get(id)?.activeState === "active" &&
      model.jobs.get(name)?.launchedOn === id,
  );
  await cluster.destroy("x.service");
  await cluster.until("x is gone", () => cluster.where("x.service").length === 0);
  await cluster.until("its state is gone", () => model.states.get(name) === undefined);
  assert.equal(cluster.machine("a").files.texts.size, 0);
});

test("stop, start and unload follow the desired state", async (t) => {
  const cluster = await clusterOf(t, "a");
  const name = "x.service" as UnitName;
  await cluster.submit("x.service");
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
  const { model } = cluster.machine("a").daemon!.feed;
  const set = (desired: "inactive" | "loaded" | "launched") =>
    cluster.whileTimePasses(cluster.registry.setDesired(name, desired, cluster.signal));
  await set("loaded");
  await cluster.until("x stops", () => cluster.where("x.service").length === 0);
  await cluster.until("it says so", () => model.jobs.get(name)?.launchedOn === undefined);
  assert.equal(cluster.machine("a").files.texts.size, 1);
  await set("launched");
  await cluster.until("x runs again", () => cluster.where("x.service").length === 1);
  await set("inactive");
  await cluster.until("x is unloaded", () => cluster.machine("a").files.texts.size === 0);
  await cluster.until("x is nowhere", () => model.jobs.get(name)?.target === undefined);
});

test("restarting the daemon touches no unit, nor does the time without it", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await cluster.submit("x.service");
  await cluster.submit("done.service");
  await cluster.until(
    "both run",
    () => cluster.where("x.service").length + cluster.where("done.service").length === 2,
  );
  await cluster.pass(500);
  const [host] = cluster.where("done.service");
  cluster.machine(host!).systemd.exitUnit("done.service", 0);
  await cluster.until("done has ended", () => cluster.where("done.service").length === 0);
  const before = cluster.running();
  for (const name of ["a", "b"]) {
    await cluster.stopDaemon(name);
    await cluster.pass(1_500);
    cluster.startDaemon(name);
    await cluster.until("it is back", () => cluster.machine(name).daemon!.isRegistered, 1_000);
  }
  await cluster.pass(40_000);
  assert.deepEqual(cluster.running(), before);
});

test("a unit whose stop was cut short by the end of its daemon runs again when wanted", async (t) => {
  const cluster = await clusterOf(t, "a");
  const name = "x.service" as UnitName;
  const raw = "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep 2\n";
  const known = { blobInUse: false, tombstone: false, replaces: false };
  await cluster.whileTimePasses(
    cluster.registry.createJob(name, raw, "launched", known, cluster.signal),
  );
  const { systemd } = cluster.machine("a");
  const state = () => systemd.status("x.service").activeState;
  await cluster.until("x is active", () => state() === "active");
  const set = (desired: "loaded" | "launched") =>
    cluster.whileTimePasses(cluster.registry.setDesired(name, desired, cluster.signal));
  await set("loaded");
  await cluster.until("x is being stopped", () => state() === "deactivating");
  await cluster.killDaemon("a");
  await set("launched");
  await cluster.until("x has stopped", () => state() === "inactive");
  cluster.startDaemon("a");
  await cluster.until("x runs again", () => state() === "active");
});

test("losing the store stops and starts nothing, and nothing moves when it is back", async (t) => {
  const names = ["a", "b", "c"];
  const cluster = await clusterOf(t, ...names);
  for (const i of [1, 2, 3, 4, 5, 6]) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 6);
  const before = cluster.running();
  for (const name of names) cluster.machine(name).link.cut();
  await cluster.pass(60_000);
  assert.deepEqual(cluster.running(), before);
  assert.deepEqual(leaderOf(cluster, names), []);
  for (const name of names) cluster.machine(name).link.mend();
  await cluster.pass(30_000);
  assert.deepEqual(cluster.running(), before);
  assert.equal(leaderOf(cluster, names).length, 1);
});

test("units of a machine that lost its power run elsewhere within 10 s, also when it led", async (t) => {
  const names = ["a", "b", "c"];
  const cluster = await clusterOf(t, ...names);
  for (const i of [1, 2, 3]) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 3);
  const [leader] = leaderOf(cluster, names);
  await cluster.crash(leader!);
  const tookMs = await cluster.until("all run again", () => count() === 3);
  assert.ok(tookMs <= 10_000, `took ${tookMs} ms`);
  assert.deepEqual(cluster.machine(leader!).systemd.running(), []);
});

test("a store that elects a leader meanwhile, and lets records expire late, costs no time to live more", async (t) => {
  const names = ["a", "b", "c"];
  let electing = false;
  const wrapLog = (log: Log) =>
    new Proxy(log, {
      get(target, key) {
        if (key === "leads" && electing) return false;
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  const cluster = await clusterWith({ wrapLog }, t, ...names);
  for (const i of [1, 2, 3]) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 3);
  const [leader] = leaderOf(cluster, names);
  electing = true;
  await cluster.crash(leader!);
  await cluster.pass(5_000);
  electing = false;
  const tookMs = await cluster.until("all run again", () => count() === 3);
  assert.ok(5_000 + tookMs <= 10_000, `took ${5_000 + tookMs} ms`);
});

test("a machine that leaves stops its units first; they run elsewhere within 2 s", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await cluster.submit("x.service");
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
  const [host] = cluster.where("x.service");
  let most = 0;
  const left = cluster.machine(host!).daemon!.leave(cluster.signal);
  const tookMs = await cluster.until("x runs elsewhere", () => {
    most = Math.max(most, cluster.where("x.service").length);
    return cluster.where("x.service").some((name) => name !== host);
  });
  await cluster.whileTimePasses(left);
  assert.equal(most, 1);
  assert.ok(tookMs <= 2_000, `took ${tookMs} ms`);
  await cluster.stopDaemon(host!);
  const again = cluster.startDaemon(host!);
  await cluster.until("it is back", () => again.isRegistered);
  await cluster.submit("y.service");
  await cluster.until("it takes units again", () => cluster.where("y.service")[0] === host);
});

test("most machines lost together are waited for, then given up", async (t) => {
  const names = ["a", "b", "c"];
  const cluster = await clusterOf(t, ...names);
  for (const i of [1, 2, 3]) await cluster.submit(`u${i}.service`);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("all run", () => count() === 3);
  await cluster.crash("b");
  await cluster.crash("c");
  // Who is seen to go first may be moved, before more are seen to go.
  await cluster.pass(50_000);
  assert.ok(cluster.machine("a").systemd.running().length <= 2);
  await cluster.until("a runs all", () => count() === 3, 60_000);
});

test("a job that is merely missing stops nothing; a tombstone does, also for who was away", async (t) => {
  const cluster = await clusterOf(t, "a");
  await cluster.submit("x.service");
  await cluster.submit("y.service");
  await cluster.until(
    "both run",
    () => cluster.where("x.service").length + cluster.where("y.service").length === 2,
  );
  await cluster.stopDaemon("a");
  await cluster.destroy("x.service");
  // What an accident, or a restore of an old backup, does to the store.
  await cluster.whileTimePasses(
    cluster.registry.removeJobDirectory("y.service" as UnitName, cluster.signal),
  );
  cluster.startDaemon("a");
  await cluster.until("x is gone", () => cluster.where("x.service").length === 0);
  await cluster.pass(40_000);
  assert.deepEqual(cluster.where("y.service"), ["a"]);
});

test("wiping the whole registry under a running daemon stops nothing", async (t) => {
  const cluster = await clusterOf(t, "a");
  await cluster.submit("x.service");
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
  await cluster.whileTimePasses(
    cluster.keys.delete(cluster.at.prefix, { recursive: true, dir: true }, cluster.signal),
  );
  await cluster.pass(60_000);
  assert.deepEqual(cluster.where("x.service"), ["a"]);
  assert.equal(cluster.machine("a").daemon!.isRegistered, true);
});

test("poison in the store takes nothing else down", async (t) => {
  const cluster = await clusterOf(t, "a");
  const put = (key: string, value: string) =>
    cluster.whileTimePasses(cluster.keys.set(key, value, {}, cluster.signal));
  const { at } = cluster;
  await cluster.submit("bad.service");
  await cluster.submit("t@.service");
  await put(at.job("bad.service" as UnitName, "target-state"), "bogus");
  await put(at.job("nojson.service" as UnitName, "object"), "{");
  await put(at.job("t@.service" as UnitName, "target"), cluster.machine("a").id);
  await put(`${at.prefix}/machines/what`, "ever");
  await put(`${at.prefix}/unit/5a27163850df791bce0280edef5ce122aa091be2`, "[]");
  await put(at.state("bad.service" as UnitName, cluster.machine("a").id), "7");
  await cluster.submit("good.service");
  await cluster.until("good runs", () => cluster.where("good.service").length === 1);
  await cluster.destroy("bad.service");
  await cluster.until("bad is gone", () => cluster.where("bad.service").length === 0);
});

test("two live machines with one id: the second is refused, and takes over when the first is dead", async (t) => {
  const cluster = await clusterOf(t, "a");
  const first = cluster.machine("a");
  const twin = cluster.add("b");
  // The twin's daemon comes up under the first one's id.
  await cluster.stopDaemon("b");
  Object.assign(twin, { id: first.id });
  cluster.startDaemon("b");
  await cluster.pass(30_000);
  assert.equal(twin.daemon!.isRegistered, false);
  assert.equal(first.daemon!.isRegistered, true);
  await cluster.submit("x.service");
  await cluster.pass(5_000);
  assert.deepEqual(cluster.where("x.service"), ["a"]);
  await cluster.crash("a");
  await cluster.until("the twin registers", () => twin.daemon!.isRegistered);
});

test("a machine that gets another address is on record with that, and its units go on", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await cluster.submit("x.service");
  await cluster.until("x runs", () => cluster.where("x.service").length > 0);
  const machine = cluster.machine("a");
  const address = () => cluster.machine("b").daemon!.feed.model.machines.get(machine.id)?.publicIp;
  const before = cluster.running();
  assert.equal(address(), "a");
  machine.ownAddress = "192.0.2.7";
  await cluster.until("it is on record", () => address() === "192.0.2.7");
  machine.ownAddress = "";
  await cluster.pass(20_000);
  assert.equal(address(), "192.0.2.7", "an interface that is down for a while says nothing");
  await cluster.store.crash();
  machine.ownAddress = "192.0.2.8";
  await cluster.pass(20_000);
  cluster.store.start();
  await cluster.until("it is on record", () => address() === "192.0.2.8");
  assert.deepEqual(cluster.running(), before);
});

test("a failing step of one unit holds up no other, and a failed unit is not started again and again", async (t) => {
  const cluster = await clusterOf(t, "a");
  const { systemd } = cluster.machine("a");
  systemd.setFailing("bad.service", true);
  await cluster.submit("bad.service");
  await cluster.submit("good.service");
  const { model } = cluster.machine("a").daemon!.feed;
  const stateOf = (name: string) =>
    model.states.get(name as UnitName)?.get(cluster.machine("a").id)?.activeState;
  await cluster.until(
    "good is active, bad failed",
    () => stateOf("good.service") === "active" && stateOf("bad.service") === "failed",
  );
  await cluster.pass(60_000);
  assert.equal(stateOf("bad.service"), "failed");
});

test("a global unit runs on every machine that fits, also on those that come later", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  cluster.add("c", "role=web");
  await cluster.submit("g.service", { fleet: ["Global=true"] });
  await cluster.submit("w.service", { fleet: ["Global=true", "MachineMetadata=role=web"] });
  await cluster.until(
    "both run where they fit",
    () => cluster.where("g.service").length === 3 && cluster.where("w.service").length === 1,
  );
  cluster.add("d", "role=web");
  await cluster.until("they run on the new one", () => cluster.where("g.service").length === 4);
  assert.deepEqual(cluster.where("w.service"), ["c", "d"]);
});

test("a unit submitted anew with other content is replaced", async (t) => {
  const cluster = await clusterOf(t, "a");
  await cluster.submit("x.service");
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
  await cluster.destroy("x.service");
  await cluster.submit("x.service", { fleet: ["Conflicts=y.service"] });
  const path = cluster.machine("a").files.path("x.service" as UnitName);
  await cluster.until(
    "the new file is there",
    () => cluster.machine("a").files.texts.get(path) === unitText(["Conflicts=y.service"]),
  );
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
});

test("a unit that another client put into the store runs, whatever its [X-Fleet] section has", async (t) => {
  const cluster = await clusterOf(t, "a");
  await cluster.submit("x.service", { fleet: ["Foo=bar", "MachineMetadata=a=b=c", "Spread="] });
  await cluster.until("x runs", () => cluster.where("x.service").length === 1);
});

test("machines take no more than they have, and units are held to what they need", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  const need = { fleet: ["MemoryNeed=2.5G", "CPUNeed=1"] };
  for (const name of ["x", "y", "z"]) await cluster.submit(`${name}.service`, need);
  const count = () => Object.values(cluster.running()).flat().length;
  await cluster.until("two of them run", () => count() === 2);
  await cluster.pass(10_000);
  assert.deepEqual(cluster.running(), { a: ["x.service"], b: ["y.service"] });
  const { files } = cluster.machine("a");
  const x = "x.service" as UnitName;
  assert.match(files.dropIns.get(x)!, /\[Service\]\nMemoryMax=2684354560\nCPUWeight=100\n$/);
  cluster.add("c");
  await cluster.until("all of them run", () => count() === 3);
  assert.deepEqual(cluster.where("z.service"), ["c"]);
  await cluster.destroy("x.service", need.fleet);
  await cluster.until("nothing is left of x", () => files.dropIns.size === 0);
});

test("an idle cluster writes once per machine and heartbeat, whatever its units", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  for (let i = 0; i < 20; i++) await cluster.submit(`u${i}.service`);
  await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 20);
  await cluster.pass(5_000);
  let writes = 0;
  for (const name of ["a", "b"]) {
    const { link } = cluster.machine(name);
    const set = link.set.bind(link);
    link.set = (...args) => {
      if (!args[0].endsWith("engine-leader")) writes += 1;
      return set(...args);
    };
    link.delete = () => assert.fail("nothing is to be deleted");
  }
  await cluster.pass(60_000);
  // Two machines, each about every third of 6 s, within a minute.
  assert.ok(writes >= 50 && writes <= 75, `${writes} writes`);
});
