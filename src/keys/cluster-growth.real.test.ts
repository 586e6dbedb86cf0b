import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startCluster, type TestServer, until } from "./cluster-for-tests.ts";

const run = promisify(execFile);
const JSON_BODY = { "Content-Type": "application/json" };

async function etcdctl(server: TestServer, ...args: string[]): Promise<string> {
  const env = { PATH: process.env["PATH"], ETCDCTL_API: "2" };
  const { stdout } = await run("etcdctl", ["--endpoints", server.clientUrl, ...args], { env });
  return stdout;
}

/** Adds a member with etcd's own client, which waits for 2 s, and gives the settings that it prints. */
async function add(by: TestServer, name: string, peerUrl: string): Promise<Record<string, string>> {
  let printed = "";
  await until(`${name} is added`, async () => {
    printed = await etcdctl(by, "member", "add", name, peerUrl).catch(() => "");
    return printed !== "";
  });
  const lines = printed.matchAll(/^(ETCD_[A-Z_]+)="(.*)"$/gm);
  return Object.fromEntries([...lines].map(([, key = "", value = ""]) => [key, value]));
}

/** Writes without pause, each key once, until told to end. */
class Load implements AsyncDisposable {
  /** What was acknowledged, with its index. */
  readonly acknowledged = new Map<string, number>();
  readonly #writing: Promise<void>;
  #isEnding = false;

  constructor(server: TestServer) {
    this.#writing = this.#write(server);
  }

  async #write(server: TestServer): Promise<void> {
    for (let at = 0; !this.#isEnding; at++) {
      const answer = await server.put(`/load/${at}`, String(at)).catch(() => undefined);
      if (answer?.status === 201) {
        const { node } = (await answer.json()) as { node: { modifiedIndex: number } };
        this.acknowledged.set(`/load/${at}`, node.modifiedIndex);
      }
      await sleep(20); // few enough that all fit into the history
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await this.#writing;
  }
}

async function indicesAt(server: TestServer): Promise<Map<string, number>> {
  const answer = await server.ask("/v2/keys/load?quorum=true");
  type Listed = { node?: { nodes?: { key: string; modifiedIndex: number }[] } };
  const { node } = (await answer.json()) as Listed;
  return new Map(node?.nodes?.map(({ key, modifiedIndex }) => [key, modifiedIndex]));
}

test("one server becomes three, one at a time, while it is written to and watched", async () => {
  await using cluster = await startCluster({ size: 1 });
  const [first] = cluster.servers;
  assert.ok(first);
  await first.put("/before", "1");
  const before = await etcdctl(first, "member", "list");
  const watch = first.ask("/v2/keys/watched?wait=true");
  await using load = new Load(first);

  const second = cluster.add("core-02", `${cluster.network}.2`);
  second.env = await add(first, second.name, second.peerUrl);
  assert.deepEqual(Object.keys(second.env).toSorted(), [
    "ETCD_INITIAL_CLUSTER",
    "ETCD_INITIAL_CLUSTER_STATE",
    "ETCD_NAME",
  ]);
  const between = await etcdctl(first, "member", "list");
  assert.ok(between.includes(`[unstarted]: peerURLs=${second.peerUrl}\n`), between);
  assert.equal(between.includes(before.split(" ")[0] ?? "?"), true, "the first keeps its id");
  await second.start().healthy();
  await second.put("/watched", "yes");
  const seen = (await (await watch).json()) as { node: { value: string } };
  assert.equal(seen.node.value, "yes");

  const third = cluster.add("core-03", `${cluster.network}.3`);
  third.env = await add(second, third.name, third.peerUrl);
  await third.start().healthy();
  await load[Symbol.asyncDispose]();
  const { acknowledged } = load;
  assert.ok(acknowledged.size > 10);
  for (const server of [first, second, third]) {
    const there = await indicesAt(server);
    for (const [key, index] of acknowledged) assert.equal(there.get(key), index, key);
    assert.equal(await server.valueAt("/before"), "1");
  }
  const history = await third.ask("/v2/keys/before?wait=true&waitIndex=1");
  assert.equal(((await history.json()) as { action: string }).action, "set");
  assert.match(await etcdctl(third, "cluster-health"), /cluster is healthy/);

  await first.stop();
  await until("the others go on", async () => (await second.put("/without", "1")).ok);
  await first.start().healthy();
  assert.equal(await first.valueAt("/without"), "1");
});

const fileAt = (server: TestServer, ...path: string[]) => join(server.dataDir, ...path);
const saysEtcd = (server: TestServer) =>
  readFileSync(fileAt(server, "member.json"), "utf8").includes('"log":"etcd"');

/** Moments of the move to a real etcd, in their order. */
const MOMENTS: readonly {
  readonly when: string;
  readonly isNow: (server: TestServer, isAnswered: boolean) => boolean;
}[] = [
  { when: "the peer port is closed", isNow: (server) => existsSync(fileAt(server, "lock")) },
  { when: "etcd starts", isNow: (server) => existsSync(fileAt(server, "etcd", "member", "wal")) },
  { when: "etcd serves", isNow: (server) => existsSync(fileAt(server, "etcd", "client:0")) },
  { when: "etcd's log is in charge", isNow: saysEtcd },
  {
    when: "the old files are set aside",
    isNow: (server) => readdirSync(server.dataDir).some((name) => name.startsWith("embedded-")),
  },
  { when: "the member is added", isNow: (_, isAnswered) => isAnswered },
];
for (const { when, isNow } of MOMENTS)
  test(`a kill -9 in the moment when ${when} loses nothing, and the move is made again`, async () => {
    await using cluster = await startCluster({ size: 1 });
    const [first] = cluster.servers;
    assert.ok(first);
    await using load = new Load(first);
    await sleep(50);
    const second = cluster.add("core-02", `${cluster.network}.2`);
    second.env = {
      ETCD_INITIAL_CLUSTER: `core-01=${first.peerUrl},core-02=${second.peerUrl}`,
      ETCD_INITIAL_CLUSTER_STATE: "existing",
    };
    const init = { body: JSON.stringify({ peerURLs: [second.peerUrl] }), headers: JSON_BODY };
    const post = () => first.ask("/v2/members", { method: "POST", ...init });
    let isAnswered = false;
    const asked = post().then(
      () => (isAnswered = true),
      () => (isAnswered = true),
    );
    for (const endMs = performance.now() + 60_000; !isNow(first, isAnswered); await sleep(1))
      assert.ok(performance.now() < endMs, first.output);
    await first.kill();
    await asked;
    await load[Symbol.asyncDispose]();
    const { acknowledged } = load;
    first.start();
    // When it was added already, the first waits for it.
    await until(
      "both are healthy",
      async () => {
        if (await first.isHealthy()) await post().catch(() => {});
        if (second.pid === undefined) second.start();
        await sleep(300);
        return (await first.isHealthy()) && second.isHealthy();
      },
      () => first.output + second.output,
    );
    const there = await indicesAt(second);
    for (const [key, index] of acknowledged) assert.equal(there.get(key), index, key);
    assert.ok(saysEtcd(first));
  });
