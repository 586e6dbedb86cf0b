import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { putText } from "./api-rollout.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { hashOf } from "./unit-files.ts";

const UNIT = "agent.service" as UnitName;

/** A cluster that remembers what was told: `stopped agent.service`. */
async function clusterOf(t: TestContext, ...names: string[]) {
  const told: string[] = [];
  const level = process.env["KEELSON_TEST_LOG"] ? "debug" : "silent";
  const cluster = new SimulatedCluster(7, openLogger(level), {
    onStart: ({ events }) => {
      const tell = events.tell.bind(events);
      events.tell = (event) => {
        told.push(`${event.what} ${event.unit}`);
        tell(event);
      };
    },
  });
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const name of names) cluster.add(name);
  const daemons = names.map((name) => cluster.machine(name).daemon!);
  await cluster.until(
    "all are registered and one leads",
    () =>
      daemons.every(({ feed }) => feed.model.machines.size === names.length) &&
      daemons.some(({ leads }) => leads),
  );
  const feed = daemons[0]!.feed;
  const put = async (raw: string) => {
    const replaces = feed.model.jobs.get(UNIT)?.hash !== undefined;
    const asked = { kind: "create", name: UNIT, raw, desired: "launched", replaces } as const;
    const { registry } = daemons[0]!;
    const { clock, signal } = cluster;
    await cluster.whileTimePasses(
      putText({ feed, registry, clock }, asked, "somebody", signal).then((index) =>
        feed.seen(index, signal),
      ),
    );
  };
  const rollout = () => feed.model.notes.rollouts.get(UNIT)?.value;
  return { cluster, told, feed, put, rollout };
}

function textOf(version: number, fleet: readonly string[]): string {
  return `[Unit]\nDescription=text ${version}\n[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\n${fleet.join("\n")}\n`;
}

const ROLLS = ["UpdateParallel=1", "UpdateMonitor=2s"];

for (const line of ["OnPartition=stop", "HealthCheck=tcp:80"])
  test(`a global unit with ${line} rolls over all machines`, async (t) => {
    const { cluster, feed, put, rollout } = await clusterOf(t, "a", "b", "c");
    const fleet = ["Global=true", line, ...ROLLS];
    await put(textOf(1, fleet));
    await cluster.until("it runs on all", () => cluster.where(UNIT).length === 3);
    await cluster.pass(3_000);
    const next = textOf(2, fleet);
    await put(next);
    await cluster.until("it is over", () => rollout()?.ended !== undefined, 300_000);
    assert.deepEqual([rollout()?.state, rollout()?.why], ["done", ""]);
    assert.equal(feed.model.jobs.get(UNIT)?.hash, hashOf(next));
    assert.equal(cluster.where(UNIT).length, 3);
  });

test("start-first: an old copy that its machine's lease stopped goes on when it is back", async (t) => {
  const { cluster, put, rollout } = await clusterOf(t, "a", "b", "c");
  const fleet = [
    "OnPartition=stop",
    "UpdateParallel=1",
    "UpdateMonitor=120s",
    "UpdateOrder=start-first",
  ];
  await put(textOf(1, fleet));
  await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
  await cluster.pass(3_000);
  const [old] = cluster.where(UNIT);
  await put(textOf(2, fleet));
  await cluster.until("both run", () => cluster.where(UNIT).length === 2);
  cluster.machine(old!).link.cut();
  await cluster.until("the old one stops", () => !cluster.where(UNIT).includes(old!));
  cluster.machine(old!).link.mend();
  await cluster.until("the old one goes on", () => cluster.where(UNIT).includes(old!));
  assert.equal(rollout()?.state, "running");
});

test("AtMostOnce with OnCalendar: being armed is quiet, and each run gets the lock", async (t) => {
  const { cluster, told, put } = await clusterOf(t, "a", "b");
  await put(
    "[Service]\nType=oneshot\nExecStart=/bin/true\n[X-Fleet]\nAtMostOnce=yes\nOnCalendar=*:*:0/10\n",
  );
  await cluster.pass(35_000);
  assert.deepEqual(
    told.filter((what) => what === `stopped ${UNIT}`),
    [],
  );
  assert.ok(told.filter((what) => what === `ended ${UNIT}`).length >= 3, told.join("\n"));
});

test("AtMostOnce: a oneshot that is done and moves is neither run again nor stopped", async (t) => {
  const { cluster, told, put, feed } = await clusterOf(t, "a", "b");
  await put("[Service]\nType=oneshot\nExecStart=/bin/true\n[X-Fleet]\nAtMostOnce=yes\n");
  await cluster.until("it is done", () => feed.model.notes.results.get(UNIT) !== undefined);
  const from = feed.model.jobs.get(UNIT)!.target!.value;
  const to = [...feed.model.machines.keys()].find((id) => id !== from)!;
  await cluster.whileTimePasses(cluster.registry.move(UNIT, from, to, cluster.signal));
  await cluster.pass(10_000);
  assert.deepEqual(
    told.filter((what) => /^(stopped|started) /.test(what)),
    [`started ${UNIT}`],
  );
});

test("a leased unit that ended and was started by hand runs again when the lease is back", async (t) => {
  const { cluster, put } = await clusterOf(t, "a");
  await put(textOf(1, ["OnPartition=stop"]));
  await cluster.until("it runs", () => cluster.where(UNIT).length === 1);
  await cluster.pass(1_000);
  const { systemd, link } = cluster.machine("a");
  systemd.exitUnit(UNIT, 0);
  await cluster.pass(1_000);
  await cluster.whileTimePasses(systemd.open().startUnit(UNIT, cluster.signal));
  await cluster.pass(1_000);
  link.cut();
  await cluster.until("it is stopped", () => cluster.where(UNIT).length === 0);
  link.mend();
  await cluster.until("it runs again", () => cluster.where(UNIT).length === 1);
});
