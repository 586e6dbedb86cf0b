import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { freePort } from "#keys/real-etcd.ts";

const KEELSON = join(import.meta.dirname, "../../bin/keelson");
const LIMIT_MS = 30_000;
const run = promisify(execFile);

interface Daemon {
  readonly child: ChildProcess;
  readonly url: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  readonly ended: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-etcd2-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

interface Given {
  readonly dataDir?: string;
  readonly port?: number;
  readonly args?: readonly string[];
  readonly env?: Record<string, string>;
}

async function start(t: TestContext, given: Given = {}): Promise<Daemon> {
  const dataDir = given.dataDir ?? join(await temporary(t), "data");
  const url = `http://127.0.0.1:${given.port ?? (await freePort())}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const args = [
    "etcd2",
    "--data-dir",
    dataDir,
    `-listen-client-urls=${url}`,
    ...(given.args ?? []),
  ];
  const child = spawn(KEELSON, args, {
    env: {
      PATH: process.env["PATH"],
      KEELSON_SOURCE: "1",
      ETCD_LISTEN_PEER_URLS: peerUrl,
      ...given.env,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stderr }));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, url, peerUrl, dataDir, ended };
}

async function ready(daemon: Daemon): Promise<Daemon> {
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    const health = await fetch(`${daemon.url}/health`).catch(() => undefined);
    if (health?.ok) return daemon;
    assert.equal(daemon.child.exitCode, null, "it ended");
    assert.ok(performance.now() < untilMs, "it is not ready");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function put(url: string, key: string, value: string): Promise<Response> {
  return fetch(`${url}/v2/keys${key}`, { method: "PUT", body: new URLSearchParams({ value }) });
}

async function valueAt(url: string, key: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/v2/keys${key}`);
  return ((await answer.json()) as { node?: { value?: string } }).node?.value;
}

test("serves etcd's own client, keeps what it was told, and ends cleanly on SIGTERM", async (t) => {
  const first = await ready(await start(t));
  const etcdctl = async (...args: string[]) =>
    (
      await run("etcdctl", ["--endpoints", first.url, ...args], {
        env: { PATH: process.env["PATH"], ETCDCTL_API: "2" },
      })
    ).stdout;
  assert.equal(await etcdctl("set", "/a/b", "one"), "one\n");
  assert.equal(await etcdctl("ls", "--recursive", "/"), "/a\n/a/b\n");
  assert.match(await etcdctl("member", "list"), /name=default .*isLeader=true/);
  assert.match(await etcdctl("cluster-health"), /cluster is healthy/);
  await assert.rejects(etcdctl("mk", "/a/b", "two"), /105: Key already exists/);
  const watch = fetch(`${first.url}/v2/keys/a?wait=true`);
  await (await watch).body?.cancel();
  first.child.kill("SIGTERM");
  assert.deepEqual(await first.ended, { code: 0, stderr: "" });

  const second = await ready(await start(t, { dataDir: first.dataDir }));
  assert.equal(await valueAt(second.url, "/a/b"), "one");
});

test("a stop breaks watches off and lets a client see that no answer came", async (t) => {
  const daemon = await ready(await start(t));
  const watch = await fetch(`${daemon.url}/v2/keys/a?wait=true`);
  const broken = assert.rejects(watch.text());
  daemon.child.kill("SIGINT");
  await broken;
  assert.equal((await daemon.ended).code, 0);
});

test("kill -9 loses nothing that was acknowledged", async (t) => {
  const dataDir = join(await temporary(t), "data");
  const first = await ready(await start(t, { dataDir }));
  const acknowledged: string[] = [];
  const writing = (async () => {
    for (let at = 0; ; at++)
      await Promise.all(
        ["a", "b", "c", "d"].map(async (name) => {
          if ((await put(first.url, `/${name}${at}`, "1")).ok) acknowledged.push(`/${name}${at}`);
        }),
      );
  })().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 300));
  first.child.kill("SIGKILL");
  await writing;
  const second = await ready(await start(t, { dataDir }));
  const listed = await fetch(`${second.url}/v2/keys`);
  const { node } = (await listed.json()) as { node: { nodes?: { key: string }[] } };
  const keys = new Set(node.nodes?.map((one) => one.key));
  assert.ok(acknowledged.length > 0);
  assert.deepEqual(
    acknowledged.filter((key) => !keys.has(key)),
    [],
  );
});

const REFUSALS: readonly {
  readonly name: string;
  readonly given: Given;
  readonly code: number;
  readonly says: RegExp;
}[] = [
  {
    name: "a flag that is none",
    given: { args: ["--colour", "red"] },
    code: 2,
    says: /"--colour"/,
  },
  { name: "a flag without value", given: { args: ["--name"] }, code: 2, says: /--name: a value/ },
  {
    name: "a bad setting of the environment",
    given: { env: { ETCD_PROXY: "maybe" } },
    code: 78,
    says: /Cannot use proxy from the environment: expected off/,
  },
  {
    name: "several members with the embedded log",
    given: {
      args: ["--initial-cluster", "default=http://a:1,other=http://b:1", "--log", "embedded"],
      env: { ETCD_INITIAL_ADVERTISE_PEER_URLS: "http://a:1" },
    },
    code: 78,
    says: /Cannot start with 2 members: the embedded log/,
  },
  {
    name: "a flag that is almost one",
    given: { args: ["--initial-clusters", "a=http://a:1"] },
    code: 2,
    says: /did you mean --initial-cluster\?/,
  },
  {
    name: "two ways to find the members",
    given: { args: ["--initial-cluster", "a=http://a:1", "--discovery", "http://a:1/x"] },
    code: 78,
    says: /Cannot use initial-cluster and discovery together/,
  },
  {
    name: "several members without an etcd",
    given: {
      args: ["--initial-cluster", "default=http://a:1,other=http://b:1"],
      env: { ETCD_INITIAL_ADVERTISE_PEER_URLS: "http://a:1", KEELSON_ETCD: "/none/etcd" },
    },
    code: 69,
    says: /Cannot run \/none\/etcd, .*: it is not installed/,
  },
  {
    name: "a cluster without itself",
    given: { args: ["--initial-cluster", "other=http://b:1"] },
    code: 78,
    says: /names other but not this name, default/,
  },
  {
    name: "joining what is not there",
    given: { env: { ETCD_INITIAL_CLUSTER_STATE: "existing" } },
    code: 78,
    says: /Cannot join a cluster as default/,
  },
];
for (const { name, given, code, says } of REFUSALS)
  test(`refuses ${name} with one clear error`, async (t) => {
    const { ended } = await start(t, given);
    const end = await ended;
    assert.equal(end.code, code, end.stderr);
    assert.match(end.stderr, says);
    assert.equal(end.stderr.trim().split("\n").length, 1);
  });

test("refuses a port in use, a directory in use and a damaged one", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const onTaken = await (await start(t, { port })).ended;
  assert.equal(onTaken.code, 69);
  assert.match(onTaken.stderr, new RegExp(`^etcd2: Cannot listen on 127.0.0.1:${port}: another`));

  const holder = await ready(await start(t));
  const second = await (await start(t, { dataDir: holder.dataDir })).ended;
  assert.equal(second.code, 69);
  assert.match(second.stderr, new RegExp(`process ${holder.child.pid} uses it`));
  assert.equal(await valueAt(holder.url, "/none"), undefined);

  const dataDir = await temporary(t);
  await writeFile(
    join(dataDir, "log.db"),
    "this is no database, and long enough to look".repeat(50),
  );
  const damaged = await (await start(t, { dataDir })).ended;
  assert.equal(damaged.code, 65);
  assert.match(damaged.stderr, /Cannot trust the log .*log\.db: file is not a database/);
});

test("proxy=auto is a member where initial-cluster has its name, else a proxy", async (t) => {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const cluster = { ETCD_PROXY: "auto", ETCD_INITIAL_CLUSTER: `one=${peerUrl}` };
  const member = await ready(
    await start(t, { env: { ...cluster, ETCD_NAME: "one", ETCD_LISTEN_PEER_URLS: peerUrl } }),
  );
  const proxy = await start(t, { env: { ...cluster, ETCD_NAME: "two" } });
  await put(member.url, "/a", "by the member");
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    const value = await valueAt(proxy.url, "/a").catch(() => undefined);
    if (value === "by the member") break;
    assert.ok(performance.now() < untilMs, "the proxy does not answer");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await put(proxy.url, "/a", "by the proxy")).status, 200);
  assert.equal(await valueAt(member.url, "/a"), "by the proxy");
  proxy.child.kill("SIGTERM");
  assert.deepEqual(await proxy.ended, { code: 0, stderr: "" });
});
