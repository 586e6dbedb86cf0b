import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startMember } from "#keys/member-for-tests.ts";
import {
  type Daemon,
  end,
  isActive,
  mainPid,
  startDaemon,
  unit,
  until,
} from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const SLEEP = "/bin/sleep infinity";
const TOKEN = "/bin/sh -c 'echo token $FLEET_FENCING_TOKEN; exec sleep infinity'";
/** The lease at its longest, the unit's default stop time and SIGKILL's second. */
const BOUND_MS = 5_000 + 5_000 + 1_000;

const stopped = async (daemon: Daemon, name: string) =>
  until(`${name} is stopped`, async () => (await mainPid(daemon, name)) === 0);

/** The token that the unit printed when it was started last. */
async function printedToken({ client }: Daemon, name: string): Promise<number> {
  let lines = "";
  for await (const piece of client.journal(name, { lines: 50 }, signal)) lines += piece;
  return Number([...lines.matchAll(/token (\d+)/g)].at(-1)?.[1]);
}

test("systemd stops units when fleetd is paused, those that ask for it and no others", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  const { client, systemd } = daemon;
  await client.setUnit(unit("keep.service", SLEEP), signal);
  await client.setUnit(unit("stop.service", SLEEP, ["OnPartition=stop"]), signal);
  await client.setUnit(unit("once.service", TOKEN, ["AtMostOnce=yes"]), signal);
  for (const name of ["keep.service", "stop.service", "once.service"])
    await until(`${name} is active`, () => isActive(daemon, name));
  const kept = await mainPid(daemon, "keep.service");
  const first = await printedToken(daemon, "once.service");
  assert.ok(first > 0);
  const tokenFile = join(systemd.runtimeDir, "fleet-tokens/once.service");
  assert.equal(await readFile(tokenFile, "utf8"), `FLEET_FENCING_TOKEN=${first}\n`);

  await sleep(4_000); // the lease is extended meanwhile
  assert.equal(await isActive(daemon, "stop.service"), true);
  daemon.process.kill("SIGSTOP");
  const tookMs = Math.max(
    ...(await Promise.all(["stop.service", "once.service"].map((name) => stopped(daemon, name)))),
  );
  t.diagnostic(`paused to stopped: ${Math.round(tookMs)} ms`);
  assert.ok(tookMs <= BOUND_MS, `${tookMs} ms`);
  assert.equal(await mainPid(daemon, "keep.service"), kept);

  daemon.process.kill("SIGCONT");
  for (const name of ["stop.service", "once.service"])
    await until(`${name} runs again`, async () => (await mainPid(daemon, name)) > 0);
  await until("a new token", async () => (await printedToken(daemon, "once.service")) > first);
  assert.equal(await mainPid(daemon, "keep.service"), kept);
});

test("a fleetd that is killed and back in time leaves leased units alone, one that stays away does not", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  const name = "once.service";
  await daemon.client.setUnit(unit(name, TOKEN, ["AtMostOnce=yes"]), signal);
  await until("it is active", () => isActive(daemon, name));
  const pid = await mainPid(daemon, name);
  const token = await printedToken(daemon, name);
  await end(daemon, "SIGKILL");
  await daemon.start();
  await sleep(12_000); // twice the time to live
  assert.equal(await mainPid(daemon, name), pid);
  assert.equal(await printedToken(daemon, name), token);
  await end(daemon, "SIGKILL");
  const tookMs = await stopped(daemon, name);
  assert.ok(tookMs <= BOUND_MS, `${tookMs} ms`);
  await daemon.start();
  await until("it runs again", async () => (await mainPid(daemon, name)) > 0);
});

test("a store that is away has leased units stopped, and no others", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  await daemon.client.setUnit(unit("keep.service", SLEEP), signal);
  await daemon.client.setUnit(unit("stop.service", SLEEP, ["OnPartition=stop"]), signal);
  for (const name of ["keep.service", "stop.service"])
    await until(`${name} is active`, () => isActive(daemon, name));
  const kept = await mainPid(daemon, "keep.service");
  await store[Symbol.asyncDispose]();
  const tookMs = await stopped(daemon, "stop.service");
  assert.ok(tookMs <= BOUND_MS, `${tookMs} ms`);
  assert.equal(await mainPid(daemon, "keep.service"), kept);
});
