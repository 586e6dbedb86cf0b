import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isHealthy, isServing } from "./core/health-note.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const WEB = "web.service" as UnitName;
const CHECKED = ["HealthCheck=tcp:80", "HealthThreshold=2", "HealthInterval=2s", "HealthStart=0"];

interface Restart {
  readonly machine: string;
  readonly unit: string;
  readonly atMs: number;
}

/** A cluster that remembers which units were restarted where. */
async function clusterOf(t: TestContext, ...names: string[]) {
  const restarts: Restart[] = [];
  const level = process.env["KEELSON_TEST_LOG"] ? "debug" : "silent";
  const cluster: SimulatedCluster = new SimulatedCluster(7, openLogger(level), {
    wrapSystemd: (systemd, { name: machine }): Systemd => ({
      ...systemd,
      changes: (signal) => systemd.changes(signal),
      [Symbol.asyncDispose]: () => systemd[Symbol.asyncDispose](),
      restartUnit: (unit, signal) => {
        restarts.push({ machine, unit, atMs: cluster.clock.monotonicMs() });
        return systemd.restartUnit(unit, signal);
      },
    }),
  });
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
  const model = () => cluster.machine(names[0]!).daemon!.feed.model;
  const note = (unit: UnitName, name: string) =>
    model().notes.health.get(unit, cluster.machine(name).id)?.value;
  return { cluster, restarts, model, note };
}

test("a unit's health is noted when it changes, and goes with the unit", async (t) => {
  const { cluster, model, note, restarts } = await clusterOf(t, "a", "b");
  const { id, ill } = cluster.machine("a");
  const fleet = [...CHECKED, "OnUnhealthy=none"];
  await cluster.submit(WEB, { fleet });
  assert.equal(isHealthy(model(), WEB, id), "unknown");
  await cluster.until("web is healthy", () => isHealthy(model(), WEB, id) === "healthy", 2_000);
  assert.ok(isServing(model(), WEB, id));
  const index = () => model().notes.health.get(WEB, id)?.index;
  const first = index();
  await cluster.pass(30_000);
  assert.equal(index(), first, "what does not change is not written");

  ill.set(WEB, "HTTP status 503");
  await cluster.until("web is unhealthy", () => isHealthy(model(), WEB, id) === "unhealthy", 6_000);
  const { failures, reason } = note(WEB, "a")!;
  assert.deepEqual({ failures, reason }, { failures: 2, reason: "HTTP status 503" });
  assert.equal(isServing(model(), WEB, id), false);
  await cluster.pass(30_000);
  ill.clear();
  await cluster.until("web is healthy again", () => note(WEB, "a")?.healthy === true, 3_000);
  assert.deepEqual(restarts, []);

  await cluster.destroy(WEB, fleet);
  await cluster.until("its note is gone", () => model().notes.health.get(WEB, id) === undefined);
});

test("an unhealthy unit is restarted where it is, also while the store is away", async (t) => {
  const { cluster, note, restarts } = await clusterOf(t, "a");
  await cluster.submit(WEB, { fleet: CHECKED });
  await cluster.until("web is healthy", () => note(WEB, "a")?.healthy === true);
  const { ill, link } = cluster.machine("a");
  link.cut();
  ill.set(WEB, "no answer");
  await cluster.until("web is restarted", () => restarts.length === 1, 10_000);
  await cluster.until("it is restarted again", () => restarts.length === 3, 60_000);
  assert.ok(restarts[1]!.atMs - restarts[0]!.atMs >= 10_000);
  assert.ok(restarts[2]!.atMs - restarts[1]!.atMs >= 20_000);
  ill.clear();
  await cluster.pass(120_000);
  assert.equal(restarts.length, 3);
  link.mend();
  await cluster.until("the store is told", () => note(WEB, "a")?.restarts === 3);
  assert.equal(note(WEB, "a")?.healthy, true);
});

test("a daemon that starts anew knows what the one before it knew", async (t) => {
  const { cluster, model, restarts } = await clusterOf(t, "a", "b");
  const { id, ill } = cluster.machine("b");
  await cluster.submit(WEB, { fleet: [...CHECKED, `MachineID=${id}`] });
  await cluster.until("web is healthy", () => isHealthy(model(), WEB, id) === "healthy");
  const { index } = model().notes.health.get(WEB, id)!;
  await cluster.stopDaemon("b");
  await cluster.pass(1_000);
  cluster.startDaemon("b");
  await cluster.pass(10_000);
  assert.equal(model().notes.health.get(WEB, id)?.index, index);
  ill.set(WEB, "no answer");
  await cluster.until("it is checked", () => restarts.length === 1, 10_000);
});

test("a unit that three restarts did not help runs on another machine, and is kept from the first", async (t) => {
  const { cluster, model, restarts } = await clusterOf(t, "a", "b");
  await cluster.submit(WEB, { fleet: CHECKED });
  await cluster.until("web runs", () => cluster.where(WEB).join() === "a");
  const { id, ill } = cluster.machine("a");
  ill.set(WEB, "disk is read-only");
  await cluster.until("web runs on b", () => cluster.where(WEB).join() === "b", 120_000);
  assert.deepEqual(
    restarts.map(({ machine }) => machine),
    ["a", "a", "a"],
  );
  assert.match(model().notes.avoid.get(WEB, id)!.value.reason, /disk is read-only$/);
  await cluster.until(
    "web is healthy",
    () => isHealthy(model(), WEB, cluster.machine("b").id) === "healthy",
  );
  await cluster.until(
    "its old note is gone",
    () => model().notes.health.get(WEB, id) === undefined,
  );
  await cluster.pass(30_000);
  assert.deepEqual(cluster.where(WEB), ["b"]);
  await cluster.pass(600_000);
  assert.equal(model().notes.avoid.get(WEB, id), undefined);
});

test("OnUnhealthy=move moves at once, and not while most instances are unhealthy", async (t) => {
  const { cluster, model, restarts } = await clusterOf(t, "a", "b", "c");
  const fleet = [...CHECKED, "OnUnhealthy=move", "MaxPerMachine=1"];
  const units = ["w@1.service", "w@2.service"] as const;
  for (const unit of units) await cluster.submit(unit, { fleet });
  const places = () => units.map((unit) => cluster.where(unit).join());
  await cluster.until("both run", () => places().join() === "a,b");
  const healthOf = (unit: string) => {
    const [name = ""] = cluster.where(unit);
    return isHealthy(model(), unit as UnitName, cluster.machine(name).id);
  };
  await cluster.until("both are healthy", () => units.every((u) => healthOf(u) === "healthy"));
  cluster.machine("a").ill.set("w@1.service", "no answer");
  await cluster.until("it runs on c", () => places().join() === "c,b", 15_000);

  for (const name of ["a", "b", "c"])
    for (const unit of units) cluster.machine(name).ill.set(unit, "the database is away");
  await cluster.until("both are unhealthy", () => units.every((u) => healthOf(u) === "unhealthy"));
  await cluster.pass(120_000);
  // Whichever of them was found first may have moved before the other was found.
  const settled = places().join();
  await cluster.pass(60_000);
  assert.equal(places().join(), settled);
  assert.deepEqual(restarts, []);
});
