import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { putText } from "./api-rollout.ts";
import { isUnderWay, type Rollout } from "./core/rollout.ts";
import type { UnitStateName } from "./core/schema.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { hashOf } from "./unit-files.ts";

/** `KEELSON_TEST_LOG=1` shows what the daemons log. */
async function clusterOf(t: TestContext, ...names: string[]): Promise<SimulatedCluster> {
  const level = process.env["KEELSON_TEST_LOG"] ? "debug" : "silent";
  const cluster = new SimulatedCluster(7, openLogger(level));
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of names) cluster.add(name);
  await cluster.until("all are registered and one leads", () => {
    const daemons = names.map((name) => cluster.machine(name).daemon!);
    return (
      daemons.every(
        ({ isRegistered, feed }) => isRegistered && feed.model.machines.size === names.length,
      ) && daemons.some(({ leads }) => leads)
    );
  });
  return cluster;
}

function textOf(version: string, fleet: readonly string[]): string {
  return `[Unit]\nDescription=text ${version}\n[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\n${fleet.map((line) => `${line}\n`).join("")}`;
}

/** Puts a text as the API does, by the daemon of the first machine that has one. */
async function put(
  cluster: SimulatedCluster,
  name: string,
  raw: string,
  desired: UnitStateName = "launched",
): Promise<void> {
  const daemon = [...cluster.machines].find((machine) => machine.daemon !== undefined)!.daemon!;
  const unit = name as UnitName;
  const { feed } = daemon;
  const replaces = feed.model.jobs.get(unit)?.hash !== undefined;
  const asked = { kind: "create", name: unit, raw, desired, replaces } as const;
  const { registry } = daemon;
  await cluster.whileTimePasses(
    putText({ feed, registry, clock: cluster.clock }, asked, "somebody", cluster.signal).then(
      (index) => feed.seen(index, cluster.signal),
    ),
  );
}

function rolloutOf(cluster: SimulatedCluster, key: string): Rollout | undefined {
  const daemon = [...cluster.machines].find((machine) => machine.daemon !== undefined)!.daemon!;
  return daemon.feed.model.notes.rollouts.get(key as UnitName)?.value;
}

function hashes(cluster: SimulatedCluster, names: readonly string[]): (string | undefined)[] {
  const { model } = [...cluster.machines].find(({ daemon }) => daemon !== undefined)!.daemon!.feed;
  return names.map((name) => model.jobs.get(name as UnitName)?.hash);
}

/** Copies of the units that systemd calls active. */
function active(cluster: SimulatedCluster, ...names: readonly string[]): number {
  const machines = [...cluster.machines];
  const copies = names.flatMap((name) =>
    machines.filter(({ systemd }) => systemd.status(name).activeState === "active"),
  );
  return copies.length;
}

const WEB = [1, 2, 3, 4, 5].map((i) => `web@${i}.service`);
const FLEET = ["UpdateParallel=2", "UpdateMonitor=2s"];
const OLD = textOf("1", FLEET);
const NEW = textOf("2", FLEET);

async function startWeb(cluster: SimulatedCluster): Promise<void> {
  await put(cluster, "web@.service", OLD, "inactive");
  for (const name of WEB) await put(cluster, name, OLD);
  await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 5);
  await cluster.pass(1_000);
}

test("a template's new text rolls over its instances, no more down at once than it says", async (t) => {
  const cluster = await clusterOf(t, "a", "b", "c");
  await startWeb(cluster);
  await put(cluster, "web@.service", NEW, "inactive");
  let down = 0;
  await cluster.until(
    "it is done",
    () => {
      down = Math.max(down, 5 - active(cluster, ...WEB));
      return rolloutOf(cluster, "web@.service")?.state === "done";
    },
    60_000,
  );
  assert.ok(down >= 1 && down <= 2, `${down} were down at once`);
  assert.deepEqual(
    hashes(cluster, ["web@.service", ...WEB]),
    Array.from({ length: 6 }, () => hashOf(NEW)),
  );
  assert.equal(Object.values(cluster.running()).flat().length, 5);
});

test("a text that fails goes back everywhere, and the reason is kept", async (t) => {
  const cluster = await clusterOf(t, "a", "b", "c");
  await startWeb(cluster);
  const machine = cluster.machine(cluster.where("web@3.service")[0]!);
  // The third fails, but only with the new text.
  const { files, systemd } = machine;
  const write = files.write.bind(files);
  files.write = async (name, raw, dropIn) => {
    if (name === "web@3.service") systemd.setFailing(name, raw === NEW);
    await write(name, raw, dropIn);
  };
  await put(cluster, "web@.service", NEW, "inactive");
  await cluster.until(
    "it returned",
    () => rolloutOf(cluster, "web@.service")?.state === "returned",
    120_000,
  );
  const rollout = rolloutOf(cluster, "web@.service")!;
  assert.match(rollout.why, /^web@3\.service is failed \(exit status 1\), on machine/);
  assert.deepEqual(
    rollout.members.map(({ phase }) => phase),
    ["returned", "returned", "returned", "returned", "waiting"],
  );
  assert.deepEqual(
    hashes(cluster, ["web@.service", ...WEB]),
    Array.from({ length: 6 }, () => hashOf(OLD)),
  );
  assert.equal(Object.values(cluster.running()).flat().length, 5);
});

test("a text that fits no machine goes back, though a oneshot may take as long as it likes to start", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  const oneshot = (...fleet: string[]) =>
    textOf("job", fleet).replace(
      "ExecStart=/bin/sleep infinity",
      "Type=oneshot\nExecStart=/bin/sleep 1",
    );
  await put(cluster, "job@.service", oneshot("UpdateMonitor=1s"), "inactive");
  await put(cluster, "job@1.service", oneshot("UpdateMonitor=1s"));
  await cluster.until("it runs", () => cluster.where("job@1.service").length === 1);
  await put(cluster, "job@1.service", oneshot("UpdateMonitor=1s", "MachineMetadata=role=none"));
  const ended = () => rolloutOf(cluster, "job@.service")?.state === "returned";
  await cluster.until("it returned", ended, 300_000);
  assert.match(rolloutOf(cluster, "job@.service")!.why, /has no machine: none fits/);
});

test("several instances of one command are one rollout; a unit without update keys is replaced at once", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await startWeb(cluster);
  for (const name of WEB) await put(cluster, name, NEW);
  const begun = rolloutOf(cluster, "web@.service")!;
  assert.equal(begun.members.length, 5);
  await cluster.until("done", () => rolloutOf(cluster, "web@.service")?.state === "done", 60_000);
  assert.equal(hashes(cluster, ["web@.service"])[0], hashOf(OLD));
  const plain = textOf("3", []);
  await put(cluster, "web@1.service", plain);
  assert.deepEqual(hashes(cluster, ["web@1.service"]), [hashOf(plain)]);
  assert.equal(rolloutOf(cluster, "web@.service")?.state, "done");
});

const PLAIN_OLD = textOf("1", []);

for (const [what, plain] of [
  ["another one", textOf("3", [])],
  ["the one before", PLAIN_OLD],
] as const)
  test(`a text without update keys ends the rollout of a template: ${what}`, async (t) => {
    const cluster = await clusterOf(t, "a", "b", "c");
    await put(cluster, "web@.service", PLAIN_OLD, "inactive");
    for (const name of WEB) await put(cluster, name, PLAIN_OLD);
    await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 5);
    await put(cluster, "web@.service", NEW, "inactive");
    const members = () => rolloutOf(cluster, "web@.service")!.members;
    await cluster.until("two are on their way", () => members().filter(isUnderWay).length === 2);
    await put(cluster, "web@.service", plain, "inactive");
    await cluster.until("it is over", () => rolloutOf(cluster, "web@.service")?.state === "done");
    await cluster.pass(30_000);
    const { why } = rolloutOf(cluster, "web@.service")!;
    assert.equal(why, "the template was given another text by somebody");
    const texts = [plain, NEW, NEW, PLAIN_OLD, PLAIN_OLD, PLAIN_OLD];
    assert.deepEqual(hashes(cluster, ["web@.service", ...WEB]), texts.map(hashOf));
    assert.equal(active(cluster, ...WEB), 5);
  });

test("a unit that is given the text before, without update keys, while it rolls keeps that", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  await put(cluster, "web.service", PLAIN_OLD);
  await cluster.until("it runs", () => cluster.where("web.service").length === 1);
  await put(cluster, "web.service", NEW);
  await cluster.until("it has it", () => hashes(cluster, ["web.service"])[0] === hashOf(NEW));
  await put(cluster, "web.service", PLAIN_OLD);
  await cluster.until("it is over", () => rolloutOf(cluster, "web.service")?.state === "done");
  await cluster.pass(30_000);
  assert.deepEqual(hashes(cluster, ["web.service"]), [hashOf(PLAIN_OLD)]);
  assert.equal(active(cluster, "web.service"), 1);
});

test("a global unit rolls machine by machine, and goes back on those that had it", async (t) => {
  const names = ["a", "b", "c"];
  const cluster = await clusterOf(t, ...names);
  const text = (version: string) => textOf(version, ["Global=yes", "UpdateMonitor=2s"]);
  await put(cluster, "g.service", text("1"));
  await cluster.until("it runs", () => active(cluster, "g.service") === 3);
  await cluster.pass(1_000);
  const onDisk = () =>
    names.map((name) => {
      const { files } = cluster.machine(name);
      return /text (\d)/.exec(files.texts.get(files.path("g.service" as UnitName))!)?.[1];
    });
  await put(cluster, "g.service", text("2"));
  let down = 0;
  const seen = new Set<string>();
  await cluster.until(
    "it is done",
    () => {
      down = Math.max(down, 3 - active(cluster, "g.service"));
      seen.add(onDisk().join(""));
      return rolloutOf(cluster, "g.service")?.state === "done";
    },
    60_000,
  );
  assert.equal(down, 1);
  assert.deepEqual([...seen], ["111", "211", "221", "222"]);
  const last = cluster.machine("c");
  const write = last.files.write.bind(last.files);
  last.files.write = async (name, raw, dropIn) => {
    last.systemd.setFailing(name, raw === text("3"));
    await write(name, raw, dropIn);
  };
  await put(cluster, "g.service", text("3"));
  await cluster.until(
    "it returned",
    () => rolloutOf(cluster, "g.service")?.state === "returned",
    60_000,
  );
  assert.deepEqual(onDisk(), ["2", "2", "2"]);
  assert.deepEqual(hashes(cluster, ["g.service"]), [hashOf(text("2"))]);
});

test("start-first: the new copy runs elsewhere before the old one ends, and the old one goes on when it fails", async (t) => {
  const cluster = await clusterOf(t, "a", "b");
  const text = (version: string) =>
    textOf(version, ["UpdateOrder=start-first", "UpdateMonitor=2s"]);
  await put(cluster, "x.service", text("1"));
  await cluster.until("it runs", () => cluster.where("x.service").length === 1);
  await cluster.pass(1_000);
  const [old] = cluster.where("x.service");
  await put(cluster, "x.service", text("2"));
  let least = 1;
  let most = 1;
  const done = (state: string) => {
    const copies = active(cluster, "x.service");
    least = Math.min(least, copies);
    most = Math.max(most, copies);
    return rolloutOf(cluster, "x.service")?.state === state;
  };
  await cluster.until("it is done", () => done("done"), 60_000);
  await cluster.until("the old copy is gone", () => cluster.where("x.service").length === 1);
  assert.deepEqual([least, most], [1, 2]);
  const [now] = cluster.where("x.service");
  assert.notEqual(now, old);
  cluster.machine(old!).systemd.setFailing("x.service", true);
  await put(cluster, "x.service", text("3"));
  await cluster.until("it returned", () => done("returned"), 60_000);
  await cluster.pass(1_000);
  assert.equal(least, 1);
  assert.deepEqual(cluster.where("x.service"), [now]);
  assert.deepEqual(hashes(cluster, ["x.service"]), [hashOf(text("2"))]);
});

for (const seed of [1, 2, 3, 4])
  test(`leaders that are killed and a machine that loses its power keep no rollout from its end: seed ${seed}`, async (t) => {
    const names = ["a", "b", "c"];
    const cluster = await clusterOf(t, ...names);
    await startWeb(cluster);
    const isBad = seed % 2 === 0;
    const bad = textOf("2", FLEET).replace("infinity", "1");
    await put(cluster, "web@.service", isBad ? bad : NEW, "inactive");
    const isOver = () => rolloutOf(cluster, "web@.service")?.ended !== undefined;
    let most = 0;
    for (let kills = 0; kills < 6 && !isOver(); kills++) {
      await cluster.pass(200 + 150 * seed * (kills % 3));
      const leader = names.find((name) => cluster.machine(name).daemon?.leads) ?? "a";
      const isCrash = kills === 2;
      if (isCrash) await cluster.crash(leader);
      else await cluster.whileTimePasses(cluster.killDaemon(leader));
      await cluster.pass(isCrash ? 9_000 : 100 * seed);
      cluster.boot(leader);
      const underWay = rolloutOf(cluster, "web@.service")?.members.filter(isUnderWay).length ?? 0;
      most = Math.max(most, underWay);
    }
    await cluster.until("it is over", isOver, 300_000);
    assert.ok(most <= 2, `${most} were under way`);
    assert.equal(rolloutOf(cluster, "web@.service")!.state, isBad ? "returned" : "done");
    const text = isBad ? OLD : NEW;
    assert.deepEqual(
      hashes(cluster, ["web@.service", ...WEB]),
      Array.from({ length: 6 }, () => hashOf(text)),
    );
    await cluster.until("all run", () => active(cluster, ...WEB) === 5);
  });
