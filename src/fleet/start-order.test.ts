import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { clusterOf, modelOf } from "./simulated-jobs.ts";

const APP = ["After=db.service", "MachineMetadata=role=app"];
const DB = ["MachineMetadata=role=db"];

test("a unit starts once what comes first serves, and keeps running whatever becomes of that", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await cluster.submit("db.service", { fleet: ["After=net.service"] });
  await cluster.submit("net.service");
  await cluster.submit("app.service", { fleet: ["After=db.service"] });
  await cluster.until("all run", () => cluster.where("app.service").length === 1);
  const order = runs.map((line) => line.split(" ")[1]);
  assert.ok(order.indexOf("db.service") < order.indexOf("app.service"), runs.join(", "));
  const [at] = cluster.where("db.service");
  cluster.machine(at!).systemd.exitUnit("db.service", 1);
  await cluster.until("db failed", () => cluster.where("db.service").length === 0);
  for (const name of ["a", "b"]) {
    await cluster.killDaemon(name);
    cluster.startDaemon(name);
  }
  for (const { link } of cluster.machines) link.cut();
  await cluster.pass(3_000);
  for (const { link } of cluster.machines) link.mend();
  await cluster.pass(5_000);
  assert.equal(cluster.where("app.service").length, 1);
  assert.equal(runs.filter((line) => line.endsWith("app.service")).length, 1);
});

test("a unit that moves starts after what comes first there too", async (t) => {
  const { cluster } = await clusterOf(t);
  for (const [name, role] of [
    ["a", "role=db"],
    ["b", "role=app"],
    ["c", "role=app"],
  ] as const)
    cluster.add(name, role);
  await cluster.until("all are there", () => modelOf(cluster, "a")?.machines.size === 3);
  await cluster.submit("db.service", { fleet: DB });
  await cluster.submit("app.service", { fleet: APP });
  const runsApp = () => cluster.where("app.service").length === 1;
  await cluster.until("app runs", runsApp);
  const [first] = cluster.where("app.service");
  await cluster.crash(first!);
  await cluster.until("app runs elsewhere", runsApp);
});

test("a unit is stopped with what it requires, on record, and starts again with it", async (t) => {
  const { cluster, runs } = await clusterOf(t, "a", "b");
  await cluster.submit("app.service", { fleet: ["Requires=db.service"] });
  await cluster.pass(2_000);
  assert.deepEqual(runs, []);
  await cluster.submit("db.service");
  const isUp = (unit: string) => cluster.where(unit).length === 1;
  await cluster.until("both run", () => isUp("app.service") && isUp("db.service"));

  const [host] = cluster.where("app.service");
  const set = (desired: "loaded" | "launched") =>
    cluster.whileTimePasses(
      cluster.registry.setDesired("db.service" as UnitName, desired, cluster.signal),
    );
  await set("loaded");
  await cluster.until("both are stopped", () => !isUp("app.service") && !isUp("db.service"));
  await cluster.pass(2_000);
  const { events } = await cluster.whileTimePasses(
    cluster
      .machine(host!)
      .daemon!.history.read(
        { unit: "app.service", machine: undefined, since: undefined, from: undefined, waitMs: 0 },
        cluster.signal,
      ),
  );
  const stops = events.filter(({ what }) => what === "stopped");
  assert.deepEqual(
    stops.map(({ why }) => why),
    ["stopped for want of db.service, which it requires: db.service has the desired state loaded"],
  );
  await set("launched");
  await cluster.until("both run again", () => isUp("app.service") && isUp("db.service"));
  await cluster.destroy("db.service");
  await cluster.until("app is stopped again", () => !isUp("app.service"));
  await cluster.submit("db.service");
  await cluster.until("both run once more", () => isUp("app.service") && isUp("db.service"));
});
