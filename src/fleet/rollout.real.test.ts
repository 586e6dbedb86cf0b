import assert from "node:assert/strict";
import { test } from "node:test";
import { startMember } from "#keys/member-for-tests.ts";
import { type Daemon, mainPid, startDaemon, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";
import type { SchemaRollout } from "./core/rollout-schema.ts";
import type { SchemaUnitOption } from "./core/schema.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const WEB = [1, 2, 3, 4, 5].map((i) => `web@${i}.service`);

function text(description: string, command: string, ...fleet: string[]): SchemaUnitOption[] {
  const lines = ["UpdateMonitor=1s", ...fleet].map((line) => line.split("=") as [string, string]);
  return [
    { section: "Unit", name: "Description", value: description },
    { section: "Service", name: "ExecStart", value: command },
    ...lines.map(([name, value]) => ({ section: "X-Fleet", name, value })),
  ];
}

async function put(
  { client }: Daemon,
  name: string,
  options: readonly SchemaUnitOption[],
): Promise<void> {
  const desiredState = name.includes("@.") ? "inactive" : "launched";
  await client.setUnit({ name, options, desiredState }, signal);
}

/** The machine whose engine leads. */
async function leader(store: string): Promise<string> {
  const url = `${store}/v2/keys/_coreos.com/fleet/lease/engine-leader`;
  const { node } = (await (await fetch(url, { signal })).json()) as { node: { value: string } };
  return (JSON.parse(node.value) as { MachineID: string }).MachineID;
}

/** The rollout when it is over. */
async function ended({ client }: Daemon, name: string): Promise<SchemaRollout> {
  let rollout: SchemaRollout | undefined;
  await until("the rollout is over", async () => {
    rollout = await client.rollout(name, signal);
    return rollout?.ended !== null && rollout?.ended !== undefined;
  });
  return rollout!;
}

async function active({ client }: Daemon, names: readonly string[]): Promise<number> {
  const states = await client.listStates({}, signal);
  return states.filter((one) => names.includes(one.name) && one.systemdActiveState === "active")
    .length;
}

test("five instances roll two at a time on a real systemd; a bad text goes back, with its exit status", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  const old = text("one", "/bin/sleep infinity", "UpdateParallel=2");
  for (const name of ["web@.service", ...WEB]) await put(daemon, name, old);
  await until("all run", async () => (await active(daemon, WEB)) === 5);
  const pids = await Promise.all(WEB.map((name) => mainPid(daemon, name)));

  await put(daemon, "web@.service", text("two", "/bin/sleep infinity", "UpdateParallel=2"));
  let fewest = 5;
  const watched = new AbortController();
  const watching = (async () => {
    while (!watched.signal.aborted) fewest = Math.min(fewest, await active(daemon, WEB));
  })();
  const good = await ended(daemon, "web@.service");
  watched.abort();
  await watching;
  assert.deepEqual(
    [good.state, ...good.members.map(({ phase }) => phase)],
    ["done", "healthy", "healthy", "healthy", "healthy", "healthy"],
  );
  assert.ok(fewest >= 3, `${fewest} were active`);
  const after = await Promise.all(WEB.map((name) => mainPid(daemon, name)));
  assert.ok(after.every((pid, i) => pid > 0 && pid !== pids[i]));

  await put(daemon, "web@.service", text("bad", "/bin/sh -c 'exit 7'", "UpdateParallel=2"));
  const bad = await ended(daemon, "web@.service");
  assert.equal(bad.state, "returned");
  assert.match(
    bad.why,
    /^web@[12]\.service is failed \(exit status 7\)( after it was active)?, on machine/,
  );
  await until("all run again", async () => (await active(daemon, WEB)) === 5);
  const kept = await Promise.all(WEB.slice(2).map((name) => mainPid(daemon, name)));
  assert.deepEqual(kept, after.slice(2));
  for (const name of ["web@.service", ...WEB]) {
    const unit = await daemon.client.getUnit(name, signal);
    assert.equal(unit?.options[0]?.value, "two", name);
  }
});

test("a global unit rolls over three machines one by one, also when the engine that leads is killed", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemons = [
    await startDaemon(t, store),
    await startDaemon(t, store),
    await startDaemon(t, store),
  ];
  const leads = await leader(store.clientUrl);
  const first = daemons.find(({ id }) => id === leads)!;
  const [second, third] = daemons.filter((one) => one !== first) as [Daemon, Daemon];
  const global = (description: string, command = "/bin/sleep infinity") =>
    text(description, command, "Global=yes");
  await put(first, "g.service", global("one"));
  const pids = () => Promise.all(daemons.map((daemon) => mainPid(daemon, "g.service")));
  await until("it runs everywhere", async () => (await active(second, ["g.service"])) === 3);
  const before = await pids();
  await put(first, "g.service", global("two"));
  await until("one has it", async () =>
    (await second.client.rollout("g.service", signal))!.members.some(
      ({ phase }) => phase === "healthy",
    ),
  );
  first.process.kill("SIGKILL");
  const rollout = await ended(second, "g.service");
  assert.equal(rollout.state, "done");
  await first.start();
  const isNew = async () => (await pids()).every((pid, i) => pid > 0 && pid !== before[i]);
  await until("all have it", isNew);
  const unit = await third.client.getUnit("g.service", signal);
  assert.equal(unit?.options[0]?.value, "two");

  const good = await pids();
  await put(second, "g.service", global("bad", "/bin/false"));
  const bad = await ended(second, "g.service");
  assert.equal(bad.state, "returned");
  await until("it runs everywhere again", async () => (await active(third, ["g.service"])) === 3);
  assert.equal((await pids()).filter((pid, i) => pid === good[i]).length, 2);
});
