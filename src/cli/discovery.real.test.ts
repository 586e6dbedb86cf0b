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
const run = promisify(execFile);

async function start(t: TestContext, dataDir: string, port = 0) {
  const listen = `http://127.0.0.1:${port}`;
  const child = spawn(KEELSON, ["discovery", "--listen", listen, "--data-dir", dataDir], {
    env: { PATH: process.env["PATH"], KEELSON_SOURCE: "1" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { msg: string; addresses?: { port: number }[] };
    const [address] = said.addresses ?? [];
    if (address)
      return { child, ended, url: `http://127.0.0.1:${address.port}`, port: address.port };
  }
  throw new Error("it ended before it served");
}

test("keelson discovery: one command, nothing else; killed, it has everything again", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "keelson-discovery-"));
  t.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  const first = await start(t, dataDir);
  const url = await (await fetch(`${first.url}/new?size=1`)).text();
  const body = new URLSearchParams({ value: "a=http://127.0.0.1:1" });
  const put = await fetch(`${url}/a1?prevExist=false`, { method: "PUT", body });
  assert.equal(put.status, 201);
  first.child.kill("SIGKILL");
  await first.ended;
  const second = await start(t, dataDir, first.port);
  assert.match(await (await fetch(url)).text(), /a=http:\/\/127\.0\.0\.1:1/);
  second.child.kill("SIGTERM");
  assert.deepEqual(await second.ended, [0, null]);
});

test("keelson discovery --help, and a setting that cannot be", async () => {
  const env = { PATH: process.env["PATH"], KEELSON_SOURCE: "1" };
  const help = await run(KEELSON, ["discovery", "--help"], { env });
  assert.match(help.stdout, /Usage: keelson discovery/);
  await assert.rejects(run(KEELSON, ["discovery", "--ttl", "soon"], { env }), {
    code: 78,
    stderr: /^discovery: Cannot use ttl from the flags: expected a time such as 7d/,
  });
});
