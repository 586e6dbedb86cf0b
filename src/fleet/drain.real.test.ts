import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseAddress } from "#base/listen.ts";
import { ownAddress } from "#base/own-address.ts";
import { startMember } from "#keys/member-for-tests.ts";
import { type Daemon, end, mainPid, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";
import { bodyText, httpRequest } from "./http-request.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const ALICE = { by: "alice", why: "" };

/** How many of the units have a process on the machine. */
async function count(daemon: Daemon, names: readonly string[]): Promise<number> {
  const pids = await Promise.all(names.map((name) => mainPid(daemon, name)));
  return pids.filter((pid) => pid > 0).length;
}

test("real systemds: a drain moves running units, a deadline stops what is bound, a dead machine is removed", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemons = await Promise.all([1, 2, 3].map(() => startDaemon(t, store)));
  const [a, b, c] = daemons as [Daemon, Daemon, Daemon];
  const { client } = a;
  const names = Array.from({ length: 9 }, (_, i) => `u${i}.service`);
  await until(
    "all machines are there",
    async () => (await client.listMachines(signal)).length === 3,
  );
  const addresses = (await client.listMachines(signal)).map(({ primaryIP }) => primaryIP);
  assert.deepEqual(new Set(addresses), new Set([await ownAddress()]), "nobody told them one");
  for (const name of names) await client.setUnit(unit(name, "/bin/sleep infinity"), signal);
  const bound = unit("own.service", "/bin/sleep infinity", [`MachineID=${c.id}`]);
  await client.setUnit(bound, signal);
  const all = [...names, "own.service"];
  const running = async () =>
    (await Promise.all(daemons.map((daemon) => count(daemon, all)))).reduce((x, y) => x + y);
  await until("all run", async () => (await running()) === 10);

  await client.drain(c.id, { ...ALICE, deadlineSeconds: undefined }, signal);
  await until("only what is bound is left", async () => (await count(c, names)) === 0);
  await until("the others run", async () => (await running()) === 10);
  // What the machine tells of units that have left may be on its way.
  await until("that is told", async () => {
    const { units } = await client.drainProgress(c.id, signal);
    return units.map(({ fate, unit: name }) => `${name} ${fate}`).join() === "own.service stays";
  });
  await client.drain(c.id, { ...ALICE, deadlineSeconds: 1 }, signal);
  await until("it is empty", async () => (await count(c, all)) === 0);
  assert.equal((await client.getUnit("own.service", signal))?.desiredState, "launched");

  await end(b, "SIGKILL");
  await until("b's record runs out", async () => (await client.listMachines(signal)).length === 2);
  await client.removeMachine(b.id, { ...ALICE, force: false }, signal);
  await client.uncordon(c.id, ALICE, signal);
  await until("own is back", async () => (await mainPid(c, "own.service")) > 0);
  await until(
    "all units run on the other two",
    async () => (await count(a, names)) + (await count(c, names)) === names.length,
  );
  const gone = await client.listMachines(signal, { all: true });
  assert.ok(!gone.some(({ id }) => id === b.id), "nothing is on record of b");
});

test("a copy of a machine is refused, with both addresses, while the machine lives, and touches nothing", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const [first, copy] = await Promise.all([startDaemon(t, store), startDaemon(t, store)]);
  await end(copy, "SIGKILL");
  await first.client.setUnit(
    unit("web.service", "/bin/sleep infinity", [`MachineID=${first.id}`]),
    signal,
  );
  await until("web runs", async () => (await mainPid(first, "web.service")) > 0);
  const pid = await mainPid(first, "web.service");
  await writeFile(join(copy.systemd.root, "etc/machine-id"), `${first.id}\n`);
  await copy.start();
  const events = async () => {
    const socket = parseAddress(`unix://${first.systemd.root}/run/fleet.sock`);
    const path = "/fleet/v1/events?limit=100";
    const text = await bodyText(await httpRequest(socket, { path }, signal));
    return (JSON.parse(text) as { events: { what: string; who: string; why: string }[] }).events;
  };
  await until("it is refused", async () => (await events()).some(({ what }) => what === "refused"));
  const refused = (await events()).find(({ what }) => what === "refused")!;
  const address = /http:\/\/127\.0\.0\.1:\d+/g;
  assert.equal(new Set(refused.why.match(address)).size, 2, refused.why);
  assert.match(refused.why, /Cannot register machine .* a live machine at .* has the same id/);
  assert.equal(await mainPid(first, "web.service"), pid);
  assert.equal(await mainPid(copy, "web.service"), 0);

  await end(first, "SIGKILL");
  await until("the copy takes over when the first is gone", async () => {
    return (await mainPid(copy, "web.service")) > 0;
  });
});
