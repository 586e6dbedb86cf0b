import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort } from "#keys/real-etcd.ts";
import { keelson, type ServerProcess, startServer } from "#test/support/server.ts";

async function startCluster(home: string, count: number): Promise<ServerProcess[]> {
  const peers = await Promise.all(
    Array.from({ length: count }, async () => `http://127.0.0.1:${await freePort()}`),
  );
  const cluster = peers.map((url, at) => `s${at}=${url}`).join();
  return Promise.all(
    peers.map((peerUrl, at) => {
      const args = ["--name", `s${at}`, "--initial-cluster", cluster];
      return startServer({ dataDir: join(home, `s${at}`), peerUrl, args });
    }),
  );
}

async function put(url: string, key: string, value: string): Promise<number> {
  const body = new URLSearchParams({ value });
  return (await fetch(`${url}/v2/keys${key}`, { method: "PUT", body })).status;
}

test("a cluster is backed up as a whole, and by its last member when all others are lost", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "keelson-backup-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  await using stack = new AsyncDisposableStack();
  const servers = await startCluster(home, 3);
  for (const server of servers) stack.use(server);
  const [one, two, three] = servers as [ServerProcess, ServerProcess, ServerProcess];
  await Promise.all(servers.map((server) => server.ready()));
  for (let at = 0; at < 20; at++) assert.equal(await put(two.url, `/k/${at}`, `${at}`), 201);

  // A write that another member acknowledged just now is in it.
  assert.equal(await put(three.url, "/last", "written"), 201);
  const backup = async (file: string, ...source: string[]) =>
    keelson("etcd2", "backup", "--to", join(home, file), ...source);
  const whole = await backup("whole", "--endpoint", one.url);
  assert.match(whole.stdout, /whole: 21 keys/, whole.stderr);
  const running = await backup("x", "--data-dir", one.dataDir);
  assert.match(running.stderr, /process \d+ uses it/);

  await two.stop("SIGKILL");
  await three.stop("SIGKILL");
  const alone = await backup("x", "--endpoint", one.url);
  assert.equal(alone.status, 75);
  assert.match(alone.stderr, /--stale/);
  assert.match((await backup("stale", "--endpoint", one.url, "--stale")).stdout, /stale: 21 keys/);
  await one.stop("SIGKILL");
  const dead = await backup("dead", "--data-dir", one.dataDir);
  assert.match(dead.stdout, /dead: 21 keys/, dead.stderr);

  for (const file of ["whole", "stale", "dead"]) {
    const dataDir = join(home, `restored-${file}`);
    const restored = await keelson("etcd2", "restore", join(home, file), "--data-dir", dataDir);
    assert.equal(restored.status, 0, restored.stderr);
    await using again = await startServer({ dataDir });
    await again.ready();
    const last = await (await fetch(`${again.url}/v2/keys/last`)).text();
    assert.match(last, /"value":"written","modifiedIndex":24/);
  }
});
