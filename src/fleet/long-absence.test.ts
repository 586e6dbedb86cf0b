// The control plane is away for an hour: what runs goes on as the very run that it is, and afterwards the cluster works.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isServing } from "./core/health-note.ts";
import { notingJobs } from "./noted-jobs.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const NAMES = ["a", "b", "c"];
const MINUTE_MS = 60_000;
const CHECK = ["HealthCheck=tcp:80", "HealthInterval=30s"];
/** Oneshots by how many seconds they take: one has ended before, one ends meanwhile, one afterwards. */
const ONESHOTS = { done: 1, short: 20 * 60, long: 90 * 60 };
const unit = (name: string) => `${name}.service` as UnitName;

test("an hour without the store, daemons restarted meanwhile and afterwards: no unit is touched, then all works", async (t) => {
  const jobs: string[] = [];
  const cluster = new SimulatedCluster(41, openLogger("silent"), {
    wrapSystemd: notingJobs((machine, job, name) => jobs.push(`${job} ${name} on ${machine}`)),
  });
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of NAMES) cluster.add(name);
  const daemon = (name: string) => cluster.machine(name).daemon!;
  const areOn = () => NAMES.every((name) => daemon(name).isRegistered);
  const isLed = () => areOn() && NAMES.some((name) => daemon(name).leads);
  await cluster.until("all are on record and one leads", isLed);
  const { registry, signal } = cluster;
  const create = (name: string, raw: string) => {
    const known = { blobInUse: false, tombstone: false, replaces: false };
    return cluster.whileTimePasses(registry.createJob(unit(name), raw, "launched", known, signal));
  };
  const result = (name: string) =>
    daemon("a").feed.model.notes.results.get(unit(name))?.value.result;
  for (const name of ["plain", "other"]) await cluster.submit(unit(name));
  await cluster.submit(unit("checked"), { fleet: CHECK });
  await cluster.submit(unit("ill"), { fleet: [...CHECK, "OnUnhealthy=none"] });
  await cluster.submit(unit("global"), { fleet: ["Global=true", ...CHECK] });
  for (const [name, seconds] of Object.entries(ONESHOTS))
    await create(name, `[Service]\nType=oneshot\nExecStart=/bin/sleep ${seconds}\n`);
  const hostOf = (name: string) => cluster.where(unit(name))[0]!;
  await cluster.until("one has ended", () => result("done") === "success");
  await cluster.until("all run", () => Object.values(cluster.running()).flat().length === 9);
  await cluster.pass(MINUTE_MS);
  const before = cluster.running();
  const later = Object.fromEntries(
    Object.entries(before).map(([name, units]) => [
      name,
      units.filter((one) => one !== unit("short")),
    ]),
  );
  jobs.length = 0;

  await cluster.store.crash();
  await cluster.pass(10 * MINUTE_MS);
  await cluster.stopDaemon("a");
  await cluster.pass(2_000);
  cluster.startDaemon("a");
  await cluster.pass(10 * MINUTE_MS);
  cluster.machine(hostOf("ill")).ill.set(unit("ill"), "HTTP status 503");
  await cluster.killDaemon("b");
  await cluster.pass(5 * MINUTE_MS);
  cluster.startDaemon("b");
  await cluster.pass(15 * MINUTE_MS);
  for (const { systemd } of cluster.machines) systemd.dropConnections();
  for (const name of NAMES) await cluster.killDaemon(name);
  await cluster.pass(MINUTE_MS);
  for (const name of NAMES) cluster.startDaemon(name);
  await cluster.pass(19 * MINUTE_MS);
  assert.deepEqual([jobs, cluster.running()], [[], later], "while the store was away");

  cluster.store.start();
  await cluster.until("all are back", isLed, 3 * MINUTE_MS);
  await cluster.pass(2 * MINUTE_MS);
  for (const name of NAMES) {
    await cluster.stopDaemon(name);
    cluster.startDaemon(name);
    await cluster.until("all are back", isLed, 3 * MINUTE_MS);
  }
  await cluster.pass(2 * MINUTE_MS);
  assert.deepEqual([jobs, cluster.running()], [[], later], "when the store was back");

  // Runs that began before are noted by their ends, and not made again.
  assert.equal(result("short"), "success");
  await cluster.until("the last has ended", () => result("long") === "success", 60 * MINUTE_MS);
  const { model } = daemon("a").feed;
  assert.ok(NAMES.every((name) => isServing(model, unit("global"), cluster.machine(name).id)));
  await cluster.submit(unit("new"));
  await cluster.destroy(unit("other"));
  const isAsAsked = () =>
    cluster.where(unit("new")).length === 1 && cluster.where(unit("other")).length === 0;
  await cluster.until("what is asked is done", isAsAsked);
  const lost = hostOf("plain");
  await cluster.crash(lost);
  const isElsewhere = () => ![undefined, lost].includes(cluster.where(unit("plain"))[0]);
  await cluster.until("its units run elsewhere", isElsewhere);
  assert.ok(!jobs.some((job) => /done|short|long/.test(job)), jobs.join(", "));
});
