import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startMember } from "#keys/member-for-tests.ts";
import { end, isActive, mainPid, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);

/** A file that runs add a line to, and the lines so far. */
async function ledger(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "keelson-jobs-"));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, "runs");
  const lines = async () =>
    existsSync(path) ? (await readFile(path, "utf8")).trimEnd().split("\n") : [];
  return { path, lines };
}

function oneshot(name: string, command: string, fleet: readonly string[] = []) {
  const whole = unit(name, command, fleet);
  const type = { section: "Service", name: "Type", value: "oneshot" };
  return { ...whole, options: [type, ...whole.options] };
}

test("a oneshot runs once, over the end of its fleetd during the run and a lost record", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  const { client, systemd } = daemon;
  const runs = await ledger(t);
  const command = `/bin/sh -c 'echo run >> ${runs.path}; sleep 3'`;
  await client.setUnit(oneshot("job.service", command), signal);
  await until("it runs", async () => (await runs.lines()).length === 1);
  await end(daemon, "SIGKILL");
  await sleep(4_000);
  await daemon.start();
  const result = async () => (await client.getUnit("job.service", signal))?.result;
  await until("its result is kept", async () => (await result()) !== undefined);
  assert.deepEqual([(await result())?.result, (await result())?.current], ["success", true]);
  await client.setUnit(oneshot("bad.service", "/bin/sh -c 'exit 3'"), signal);
  const bad = async () => (await client.getUnit("bad.service", signal))?.result;
  await until("the other's is too", async () => (await bad()) !== undefined);
  assert.deepEqual([(await bad())?.result, (await bad())?.exitStatus], ["failed", 3]);

  await end(daemon, "SIGTERM");
  const record = join(systemd.root, "run/fleet/launched.json");
  assert.ok(existsSync(record), record);
  await rm(record);
  await daemon.start();
  const isBack = async () => (await client.listMachines(signal)).length === 1;
  await until("fleetd is back", isBack);
  await sleep(3_000);
  assert.equal((await runs.lines()).length, 1);
  await client.setUnit({ name: "job.service", desiredState: "launched" }, signal);
  await sleep(1_000);
  assert.equal((await runs.lines()).length, 1);
  for (const desiredState of ["loaded", "launched"] as const)
    await client.setUnit({ name: "job.service", desiredState }, signal);
  await until("it runs for a new wish", async () => (await runs.lines()).length === 2);
});

test("of three machines one runs what the clock starts each second, and once", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemons = [];
  for (let i = 0; i < 3; i++) daemons.push(await startDaemon(t, store));
  const runs = await ledger(t);
  // Every manager has a runtime directory of its own.
  const command = `/bin/sh -c 'echo %t >> ${runs.path}'`;
  const [{ client }] = daemons as [(typeof daemons)[number]];
  await client.setUnit(oneshot("tick.service", command, ["OnCalendar=*:*:*"]), signal);
  await until("it ran eight times", async () => (await runs.lines()).length >= 8);
  await client.setUnit({ name: "tick.service", desiredState: "loaded" }, signal);
  await sleep(1_500);
  const lines = await runs.lines();
  assert.equal(new Set(lines).size, 1, lines.join(" "));
  assert.match(lines[0]!, /keelson-systemd-/);
  const { events } = await client.events({ unit: "tick.service", limit: 1_000 }, signal);
  const told = events.filter(({ what }) => what === "run").map(({ after }) => after);
  assert.equal(new Set(told).size, told.length);
  assert.equal(told.length, lines.length);
  const [timer] = await client.listTimers(signal);
  assert.deepEqual([timer?.unit, timer?.armed, timer?.running], ["tick.service", false, false]);
  await sleep(2_000);
  assert.equal((await runs.lines()).length, lines.length);
});

test("of a pair in order on two machines the second waits for the first, and is stopped with it", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const first = await startDaemon(t, store);
  const second = await startDaemon(t, store);
  const { client } = first;
  const app = unit("app.service", "/bin/sleep infinity", [
    `MachineID=${second.id}`,
    "Requires=db.service",
  ]);
  await client.setUnit(app, signal);
  const waitsFor = async () => (await client.getUnit("app.service", signal))?.waitsFor;
  await until(
    "it waits",
    async () => (await waitsFor())?.includes("nobody has started it") === true,
  );
  assert.equal(await mainPid(second, "app.service"), 0);
  // Ready only after a while: its start is not enough.
  const db = unit(
    "db.service",
    "/bin/sh -c 'sleep 2; systemd-notify --ready; exec sleep infinity'",
    [`MachineID=${first.id}`],
  );
  const notify = ["Type=notify", "NotifyAccess=all"].map((line) => {
    const [name = "", value = ""] = line.split("=");
    return { section: "Service", name, value };
  });
  await client.setUnit({ ...db, options: [...notify, ...db.options] }, signal);
  await until(
    "it waits for the start",
    async () => (await waitsFor())?.includes("activating") === true,
  );
  assert.equal(await mainPid(second, "app.service"), 0);
  await until("both run", async () => isActive(second, "app.service"));
  assert.ok(await isActive(first, "db.service"));

  const pid = await mainPid(second, "app.service");
  process.kill(await mainPid(first, "db.service"), "SIGKILL");
  await until("db has failed", async () => !(await isActive(first, "db.service")));
  await end(second, "SIGTERM");
  await second.start();
  await until(
    "fleetd is back",
    async () => (await second.client.listMachines(signal)).length === 2,
  );
  await sleep(1_000);
  assert.equal(await mainPid(second, "app.service"), pid);

  await client.setUnit({ name: "db.service", desiredState: "loaded" }, signal);
  await until("it is stopped", async () => (await mainPid(second, "app.service")) === 0);
  await until("its cause is told", async () => {
    const { events } = await client.events({ unit: "app.service", limit: 100 }, signal);
    const stop = events.findLast(({ what }) => what === "stopped");
    return stop?.why.startsWith("stopped for want of db.service, which it requires") === true;
  });
  await client.setUnit({ name: "db.service", desiredState: "launched" }, signal);
  await until("both run again", async () => isActive(second, "app.service"));
});
