import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startMember } from "#keys/member-for-tests.ts";
import { startRealEtcd } from "#keys/real-etcd.ts";
import {
  end,
  isActive,
  mainPid,
  output,
  startDaemon,
  unit,
  until,
} from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);

/** Lets only root in, and the user `fleet`, with the password `secret`, to fleet's keys. */
async function closeStore(url: string): Promise<void> {
  const authorization = `Basic ${btoa("root:r")}`;
  const kv = { read: ["/_coreos.com/*"], write: ["/_coreos.com/*"] };
  const steps: [method: string, path: string, body?: unknown][] = [
    ["PUT", "users/root", { user: "root", password: "r" }],
    ["PUT", "roles/fleet", { role: "fleet", permissions: { kv } }],
    ["PUT", "users/fleet", { user: "fleet", password: "secret", roles: ["fleet"] }],
    ["PUT", "enable"],
    ["PUT", "roles/guest", { role: "guest", revoke: { kv: { read: ["/*"], write: ["/*"] } } }],
  ];
  for (const [method, path, body] of steps) {
    const headers = { authorization, "Content-Type": "application/json" };
    const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) };
    const answer = await fetch(`${url}/v2/auth/${path}`, init);
    assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
  }
}

test("fleetd says its name to a store that lets no guest in", { skip }, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  await closeStore(store.clientUrl);
  const guest = await fetch(`${store.clientUrl}/v2/keys/_coreos.com`);
  assert.equal(guest.status, 401);
  const settings = { FLEET_ETCD_USERNAME: "fleet", FLEET_ETCD_PASSWORD: "secret" };
  const daemon = await startDaemon(t, store, settings);
  await daemon.client.setUnit(unit("hello.service", "/bin/sleep infinity"), signal);
  await until("hello is active", () => isActive(daemon, "hello.service"));
});

test("a unit starts, shows itself, and outlives its fleetd however that ends", {
  skip,
}, async (t) => {
  const etcd = await startRealEtcd();
  t.after(() => etcd[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, etcd);
  const { client } = daemon;
  await client.setUnit(
    unit("hello.service", "/bin/sh -c 'echo hello from %n; exec sleep infinity'"),
    signal,
  );
  const tookMs = await until("hello is active", () => isActive(daemon, "hello.service"));
  t.diagnostic(`submitted to active: ${Math.round(tookMs)} ms`);
  const status = await client.status("hello.service", {}, signal);
  assert.equal(status.exitStatus, 0);
  assert.match(status.text, /hello\.service[\s\S]*Active: active \(running\)/);
  await until("the journal shows its line", async () => {
    let lines = "";
    for await (const piece of client.journal("hello.service", {}, signal)) lines += piece;
    return lines.includes("hello from hello.service");
  });
  const pid = await mainPid(daemon, "hello.service");
  assert.ok(pid > 0);
  for (const how of ["SIGTERM", "SIGKILL"] as const) {
    await end(daemon, how);
    await daemon.start();
    await until("fleetd is back", async () => (await client.listMachines(signal)).length === 1);
    assert.equal(await mainPid(daemon, "hello.service"), pid);
  }
  await client.deleteUnit("hello.service", signal);
  await until("it is gone", async () => (await mainPid(daemon, "hello.service")) === 0);
  await until("its state is gone", async () => (await client.listStates({}, signal)).length === 0);
});

test("units move when a machine leaves or dies, and not when the store pauses", {
  skip,
}, async (t) => {
  const etcd = await startRealEtcd();
  t.after(() => etcd[Symbol.asyncDispose]());
  const [first, second] = [await startDaemon(t, etcd), await startDaemon(t, etcd)];
  const both = [first, second];
  await first.client.setUnit(unit("web.service", "/bin/sleep infinity"), signal);
  const hostOf = async () => {
    const pids = await Promise.all(both.map((daemon) => mainPid(daemon, "web.service")));
    return both.filter((_, i) => pids[i]! > 0);
  };
  await until("web runs", async () => (await hostOf()).length === 1);
  const [host] = await hostOf();
  const other = both.find((daemon) => daemon !== host)!;
  const pid = await mainPid(host!, "web.service");

  // Long enough for every record to expire at once when the store goes on.
  etcd.process.kill("SIGSTOP");
  await sleep(9_000);
  etcd.process.kill("SIGCONT");
  await until("both are back", async () => (await other.client.listMachines(signal)).length === 2);
  await sleep(3_000);
  assert.equal(await mainPid(host!, "web.service"), pid);

  const left = await host!.run("leave");
  assert.deepEqual(left, { status: 0, stderr: "" });
  assert.equal(await mainPid(host!, "web.service"), 0);
  const leftMs = await until(
    "web runs on the other",
    async () => (await mainPid(other, "web.service")) > 0,
  );
  t.diagnostic(`left to running elsewhere: ${Math.round(leftMs)} ms`);
  await end(host!, "SIGTERM");
  await host!.start();
  await until(
    "the first is back",
    async () => (await other.client.listMachines(signal)).length === 2,
  );

  await end(other, "SIGKILL");
  await other.systemd.kill();
  const diedMs = await until(
    "web runs on the first",
    async () => (await mainPid(host!, "web.service")) > 0,
  );
  t.diagnostic(`killed to running elsewhere: ${Math.round(diedMs)} ms`);
});

test("a hundred instances start and go together; a bad one fails alone", { skip }, async (t) => {
  const etcd = await startRealEtcd();
  t.after(() => etcd[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, etcd);
  const { client } = daemon;
  await client.setUnit(
    {
      ...unit("noexec.service", ""),
      options: [{ section: "Unit", name: "Description", value: "no command" }],
    },
    signal,
  );
  const names = Array.from({ length: 100 }, (_, i) => `t@${i}.service`);
  const startMs = performance.now();
  await Promise.all(names.map((name) => client.setUnit(unit(name, "/bin/sleep infinity"), signal)));
  await until(
    "all are active",
    async () =>
      (await client.listStates({}, signal)).filter((s) => s.systemdActiveState === "active")
        .length === 100,
  );
  t.diagnostic(`100 submitted to all active: ${Math.round(performance.now() - startMs)} ms`);
  await until(
    "the bad one shows",
    async () =>
      (await client.listStates({ unitName: "noexec.service" }, signal))[0]?.systemdLoadState ===
      "bad-setting",
  );
  const destroyMs = performance.now();
  await Promise.all([...names, "noexec.service"].map((name) => client.deleteUnit(name, signal)));
  await until("all are gone", async () => (await client.listStates({}, signal)).length === 0);
  t.diagnostic(`100 destroyed to all gone: ${Math.round(performance.now() - destroyMs)} ms`);
});

test("systemd holds a unit to what it needs, and machines to what they have", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const settings = { FLEET_MEMORY: "1G", FLEET_CPUS: "2" };
  const daemon = await startDaemon(t, store, settings);
  const { client, systemd } = daemon;
  const show = (name: string) =>
    output(
      "systemctl",
      ["--user", "show", "--property=MemoryMax,CPUWeight,DropInPaths,NeedDaemonReload", name],
      { ...process.env, ...systemd.env },
    );
  const need = (name: string, ...fleet: string[]) =>
    client.setUnit(unit(name, "/bin/sleep infinity", fleet), signal);
  await need("big.service", "MemoryNeed=600M", "CPUNeed=1.5");
  await until("big is active", () => isActive(daemon, "big.service"));
  const big = await show("big.service");
  assert.match(big, /^MemoryMax=629145600$/m);
  assert.match(big, /^CPUWeight=150$/m);
  assert.match(big, /^DropInPaths=\S+\/big\.service\.d\/00-fleet-needs\.conf$/m);
  assert.match(big, /^NeedDaemonReload=no$/m);

  await need("more.service", "MemoryNeed=600M");
  await until("more waits for memory", async () => {
    const { placed, reasons } = await client.reasons("more.service", signal);
    return placed === null && reasons[0]?.reason === "MemoryNeed 600M: 424M of 1G are free";
  });
  await client.deleteUnit("big.service", signal);
  await until("more is active", () => isActive(daemon, "more.service"));
  assert.match(await show("more.service"), /^MemoryMax=629145600$/m);
  await until("nothing of big is left", async () =>
    /^MemoryMax=infinity$[\s\S]*^DropInPaths=$/m.test(await show("big.service")),
  );

  // The same unit without a need has no limit any more.
  await need("more.service");
  await until("more is as free as it says", async () =>
    /^MemoryMax=infinity$/m.test(await show("more.service")),
  );
  await until("more is active again", () => isActive(daemon, "more.service"));
});
