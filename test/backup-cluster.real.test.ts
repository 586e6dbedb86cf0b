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

test("a restored store becomes a cluster of several by member add", async (t) => {
  const home = await mkdtemp(join(tmpdir(), "keelson-backup-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const file = join(home, "file");
  {
    await using first = await startServer({ dataDir: join(home, "first") });
    await first.ready();
    for (let at = 0; at < 30; at++) await put(first.url, `/k/${at}`, `${at}`);
    await keelson("etcd2", "backup", "--endpoint", first.url, "--to", file);
  }
  const [url, peerUrl, otherUrl, otherPeerUrl] = (await Promise.all(
    Array.from({ length: 4 }, async () => `http://127.0.0.1:${await freePort()}`),
  )) as [string, string, string, string];
  const dataDir = join(home, "one");
  const restore = ["restore", file, "--data-dir", dataDir];
  await keelson("etcd2", ...restore, "--initial-advertise-peer-urls", peerUrl);
  await using one = await startServer({ dataDir, url, peerUrl, args: ["--name", "one"] });
  await one.ready();
  const clusterId = await clusterOf(one.url);
  const body = JSON.stringify({ peerURLs: [otherPeerUrl] });
  const headers = { "Content-Type": "application/json" };
  const added = await fetch(`${url}/v2/members`, { method: "POST", headers, body });
  assert.equal(added.status, 201, await added.text());
  const cluster = `one=${peerUrl},two=${otherPeerUrl}`;
  await using two = await startServer({
    dataDir: join(home, "two"),
    url: otherUrl,
    peerUrl: otherPeerUrl,
    args: ["--name", "two", "--initial-cluster", cluster, "--initial-cluster-state", "existing"],
  });
  await two.ready();
  assert.equal(await put(one.url, "/new", "by one"), 201);
  const listed = await fetch(`${two.url}/v2/keys/?recursive=true&quorum=true`);
  const text = await listed.text();
  assert.equal(text.match(/"value"/g)?.length, 31);
  assert.match(text, /"value":"by one","modifiedIndex":34/);
  assert.equal(await clusterOf(two.url), clusterId);
});

async function clusterOf(url: string): Promise<string | null> {
  return (await fetch(`${url}/v2/keys/`)).headers.get("x-etcd-cluster-id");
}
