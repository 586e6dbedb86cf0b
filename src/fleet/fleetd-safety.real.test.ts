import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Daemon, end, mainPid, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";

import { privateSystemdMissing } from "#test/support/private-systemd.ts";
import { keelson, startServer } from "#test/support/server.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(400_000);
const AWAY_MS = 60_000; // ten times to live of the machines' records

async function startStore(t: TestContext) {
  const home = await mkdtemp(join(tmpdir(), "keelson-safety-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const server = await startServer({ dataDir: join(home, "store") });
  t.after(() => server[Symbol.asyncDispose]());
  await server.ready();
  return { home, server, clientUrl: server.url };
}

/** The main process of each unit on each daemon's machine; 0 where it does not run. */
async function pidsOf(daemons: readonly Daemon[], names: readonly string[]): Promise<number[]> {
  return Promise.all(daemons.flatMap((daemon) => names.map((name) => mainPid(daemon, name))));
}

async function launch(daemons: readonly Daemon[], names: readonly string[]): Promise<number[]> {
  for (const name of names)
    await daemons[0]!.client.setUnit(unit(name, "/bin/sleep infinity"), signal);
  const count = async () => (await pidsOf(daemons, names)).filter((pid) => pid > 0).length;
  await until("all run once", async () => (await count()) === names.length);
  return pidsOf(daemons, names);
}

async function isBack(daemon: Daemon): Promise<boolean> {
  return (await daemon.client.listMachines(signal)).some(({ id }) => id === daemon.id);
}

test("however often fleetd ends, and whatever becomes of its record, no unit changes its process", {
  skip,
}, async (t) => {
  const { clientUrl } = await startStore(t);
  const daemon = await startDaemon(t, { clientUrl });
  const names = ["one.service", "two.service"];
  const before = await launch([daemon], names);
  const record = join(daemon.systemd.root, "run/fleet/launched.json");
  const restart = async (
    how: "SIGTERM" | "SIGKILL",
    meanwhile: () => Promise<void> = async () => {},
  ) => {
    await end(daemon, how);
    await meanwhile();
    await daemon.start();
    await until("it is back", () => isBack(daemon));
    await sleep(1_500);
    assert.deepEqual(await pidsOf([daemon], names), before);
  };
  await restart("SIGTERM");
  await restart("SIGKILL");
  await restart("SIGKILL", () => rm(record));
  await restart("SIGTERM", () => writeFile(record, '{"version":99,"what":["ever"]}'));
  await restart("SIGKILL", () => writeFile(record, "{"));
  for (let crash = 0; crash < 5; crash++) {
    await end(daemon, "SIGKILL");
    await daemon.start();
    await sleep(150 * crash);
  }
  await restart("SIGKILL");
});

test("the store is away for ten times to live, a fleetd restarts meanwhile: no unit changes its process", {
  skip,
}, async (t) => {
  const { server, clientUrl } = await startStore(t);
  const daemons = [await startDaemon(t, { clientUrl }), await startDaemon(t, { clientUrl })];
  const names = ["a.service", "b.service", "c.service"];
  const before = await launch(daemons, names);
  await server.stop("SIGKILL");
  await sleep(AWAY_MS / 2);
  await end(daemons[0]!, "SIGKILL");
  await daemons[0]!.start();
  await sleep(AWAY_MS / 2);
  assert.deepEqual(await pidsOf(daemons, names), before);
  const { dataDir, peerUrl, url } = server;
  const again = await startServer({ dataDir, peerUrl, url });
  t.after(() => again[Symbol.asyncDispose]());
  await again.ready();
  for (const daemon of daemons) await until("it is back", () => isBack(daemon));
  await sleep(10_000);
  assert.deepEqual(await pidsOf(daemons, names), before);
});

test("the store is restored from before: what runs goes on in its process, also where fleetd restarts", {
  skip,
}, async (t) => {
  const { home, server, clientUrl } = await startStore(t);
  const daemons = [await startDaemon(t, { clientUrl }), await startDaemon(t, { clientUrl })];
  const [{ client }] = daemons as [Daemon];
  const old = ["steady.service", "changed.service"];
  await launch(daemons, old);
  await client.setUnit(
    { ...unit("late.service", "/bin/sleep infinity"), desiredState: "loaded" },
    signal,
  );
  const file = join(home, "before.backup");
  assert.equal(
    (await keelson("etcd2", "backup", "--endpoint", server.url, "--to", file)).stderr,
    "",
  );

  await client.deleteUnit("changed.service", signal);
  await until("it is gone", async () =>
    (await pidsOf(daemons, ["changed.service"])).every((pid) => pid === 0),
  );
  await client.setUnit(unit("changed.service", "/bin/sleep 1000000"), signal);
  await client.setUnit(
    { ...unit("late.service", "/bin/sleep infinity"), desiredState: "launched" },
    signal,
  );
  const names = [...old, "late.service", "new.service"];
  await client.setUnit(unit("new.service", "/bin/sleep infinity"), signal);
  const counted = async () => (await pidsOf(daemons, names)).filter((pid) => pid > 0).length;
  await until("all run once", async () => (await counted()) === names.length);
  const before = await pidsOf(daemons, names);
  await sleep(11_000); // what it follows is remembered every ten seconds

  const dataDir = join(home, "restored");
  const { url, peerUrl } = server;
  await server.stop("SIGKILL");
  await keelson(
    "etcd2",
    "restore",
    file,
    "--data-dir",
    dataDir,
    "--initial-advertise-peer-urls",
    peerUrl,
  );
  await end(daemons[1]!, "SIGKILL");
  const again = await startServer({ dataDir, peerUrl, url });
  t.after(() => again[Symbol.asyncDispose]());
  await again.ready();
  await daemons[1]!.start();
  for (const daemon of daemons) await until("it is back", () => isBack(daemon));
  await sleep(25_000);
  assert.deepEqual(await pidsOf(daemons, names), before);
  await client.deleteUnit("steady.service", signal);
  await until("what is asked for now counts", async () =>
    (await pidsOf(daemons, ["steady.service"])).every((pid) => pid === 0),
  );
});
