import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

const KEELSON = join(import.meta.dirname, "../../bin/keelson");
const ENV = { PATH: process.env["PATH"], KEELSON_SOURCE: "1" };
const run = promisify(execFile);

async function start(t: TestContext, env: NodeJS.ProcessEnv = {}) {
  const root = await mkdtemp(join(tmpdir(), "keelson-server-"));
  const child = spawn(KEELSON, ["server", "--listen", "http://127.0.0.1:0"], {
    env: { ...ENV, KEELSON_ROOT: root, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  });
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { addresses?: { port: number }[] };
    const [address] = said.addresses ?? [];
    if (address) return { child, ended, url: `http://127.0.0.1:${address.port}` };
  }
  throw new Error("it ended before it served");
}

test("keelson server: discovery and the validator at one address, until it is told to stop", async (t) => {
  const { child, ended, url } = await start(t);
  const home = await (await fetch(url)).text();
  for (const path of ["/new?size=3", "/validate/"]) assert.ok(home.includes(path), home);

  const token = await (await fetch(`${url}/new?size=1`)).text();
  assert.match(token, new RegExp(`^${url}/[0-9a-f]{32}$`));
  const value = new URLSearchParams({ value: "a=http://127.0.0.1:1" });
  assert.equal((await fetch(`${token}/a1`, { method: "PUT", body: value })).status, 201);
  assert.equal(await (await fetch(`${url}/health`)).text(), "OK");

  const report = await fetch(`${url}/validate`, { method: "PUT", body: "hostname: a\n" });
  assert.match(await report.text(), /must be \\"#cloud-config\\"/);
  assert.match(await (await fetch(`${url}/validate/`)).text(), /<title>cloud-config validator/);
  assert.equal((await fetch(`${url}/nowhere`)).status, 404);
  assert.equal((await fetch(url, { method: "PUT" })).status, 405);

  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

/** Prints the first datagram to a socket of its own, whose path it prints before. */
const LISTENER = `
import os, socket, sys, tempfile
directory = tempfile.mkdtemp()
path = directory + "/notify"
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(path)
print(path, flush=True)
said = b""
while b"READY" not in said: said += s.recv(4096)
os.unlink(path); os.rmdir(directory)
print(said.decode().replace("\\n", " "), flush=True)
`;

test("keelson server tells systemd when it is ready", async (t) => {
  const listener = spawn("python3", ["-c", LISTENER], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => listener.kill("SIGKILL"));
  const lines = createInterface(listener.stdout)[Symbol.asyncIterator]();
  const { value: socket } = await lines.next();
  await start(t, { NOTIFY_SOCKET: String(socket) });
  assert.match(String((await lines.next()).value), /READY=1/);
});

test("keelson server --help, and a setting that cannot be", async () => {
  const help = await run(KEELSON, ["server", "--help"], { env: ENV });
  assert.match(help.stdout, /Usage: keelson server/);
  await assert.rejects(run(KEELSON, ["server", "--discovery-ttl", "soon"], { env: ENV }), {
    code: 78,
    stderr: /^server: Cannot use discovery-ttl from the flags: expected a time such as 7d/,
  });
});
