import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { activatedSockets } from "#base/activation.ts";
import { startMember } from "#keys/member-for-tests.ts";
import { freePort } from "#keys/real-etcd.ts";
import { privateSystemdMissing, startPrivateSystemd } from "#test/support/private-systemd.ts";
import { openFleetClient } from "./client.ts";

const MAIN = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(120_000);
const LIMIT_MS = 60_000;

test("fleetd serves on the sockets that systemd opened for it, and gives them back", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const host = await startPrivateSystemd();
  t.after(() => host[Symbol.asyncDispose]());
  const { root } = host;
  const path = join(root, "run/fleet.sock");
  const [port, everywhere] = [await freePort(), await freePort()];
  const units = {
    "fleet.socket": `[Unit]\nPartOf=fleet.service\n[Socket]\nListenStream=${path}\nListenStream=127.0.0.1:${port}\nListenStream=${everywhere}\n`,
    "fleet.service": `[Service]
Type=notify
NotifyAccess=all
Environment=KEELSON_ROOT=${root} XDG_RUNTIME_DIR=${host.runtimeDir} KEELSON_CALLED_AS=keelson
Environment=FLEET_ETCD_SERVERS=${store.clientUrl} FLEET_PUBLIC_IP=192.0.2.7
Environment=FLEET_API_LISTEN=unix://${path},http://127.0.0.1:${port}
ExecStart=${process.execPath} ${MAIN} fleetd
`,
  };
  for (const [name, content] of Object.entries(units))
    await writeFile(join(root, "etc/systemd/system", name), content);
  const systemctl = (...args: string[]) =>
    promisify(execFile)("systemctl", ["--user", ...args], { env: { ...process.env, ...host.env } });
  await systemctl("daemon-reload");
  await systemctl("start", "fleet.socket");

  // The first request starts the daemon, which takes it once it runs.
  const client = openFleetClient({ endpoints: [`unix://${path}`] });
  await until("the daemon answers", async () => (await client.listMachines(signal)).length === 1);
  const overTcp = openFleetClient({ endpoints: [`http://127.0.0.1:${port}`] });
  assert.equal((await overTcp.listMachines(signal)).length, 1);

  // Others are told of the one that they can reach.
  const [{ id } = { id: "" }] = await client.listMachines(signal);
  const key = `${store.clientUrl}/v2/keys/_coreos.com/fleet/machines/${id}/api`;
  const { node } = (await (await fetch(key, { signal })).json()) as { node: { value: string } };
  assert.equal(node.value, `http://192.0.2.7:${everywhere}`);

  // A daemon that is killed leaves the socket with systemd, and the next request starts another.
  const { stdout: before } = await systemctl("show", "-p", "MainPID", "--value", "fleet.service");
  await systemctl("kill", "--signal=KILL", "fleet.service");
  await until("another answers", async () => (await client.listMachines(signal)).length === 1);
  const { stdout: after } = await systemctl("show", "-p", "MainPID", "--value", "fleet.service");
  assert.notEqual(after, before);
});

test("a unix socket that a dead fleetd left is replaced", { skip }, async (t) => {
  const owned = new AsyncDisposableStack();
  t.after(() => owned.disposeAsync());
  const host = owned.use(await startPrivateSystemd());
  const path = join(host.root, "run/fleet.sock");
  const script = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  await once(spawn(process.execPath, ["-e", script]), "exit");
  const daemon = spawn(process.execPath, [MAIN, "fleetd"], {
    env: {
      ...process.env,
      ...host.env,
      KEELSON_ROOT: host.root,
      FLEET_ETCD_SERVERS: "http://127.0.0.1:1",
    },
    stdio: "ignore",
  });
  owned.defer(async () => {
    const ended = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await ended;
  });
  const client = openFleetClient({ endpoints: [`unix://${path}`] });
  await until("it answers that the store is away", async () => {
    await assert.rejects(client.listMachines(signal), { code: "STORE_UNAVAILABLE" });
    return true;
  });
});

test("activatedSockets() takes what is meant for this process, and says what is no socket", async () => {
  assert.deepEqual(await activatedSockets({}, process.pid), []);
  assert.deepEqual(await activatedSockets({ LISTEN_PID: "1", LISTEN_FDS: "1" }, process.pid), []);
  const mine = { LISTEN_PID: String(process.pid) };
  assert.deepEqual(await activatedSockets({ ...mine, LISTEN_FDS: "0" }, process.pid), []);
  for (const [fds, message] of [
    ["many", /LISTEN_FDS=many is no number of sockets/],
    ["1000", /file descriptor \d+ is \S+, no socket/],
  ] as const)
    await assert.rejects(activatedSockets({ ...mine, LISTEN_FDS: fds }, process.pid), message);
});

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!(await holds().catch(() => false))) {
    assert.ok(performance.now() < endMs, `not in time: ${what}`);
    await sleep(50);
  }
}
