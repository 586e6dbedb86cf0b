import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster, type TestCluster, until } from "#keys/cluster-for-tests.ts";
import { freePort } from "#keys/real-etcd.ts";
import { type Case, compare, type Servers } from "./compare-for-tests.ts";

let cluster: TestCluster;
let servers: Servers;

before(async () => {
  cluster = await startCluster({ network: "127.0.97", size: 3 });
  const [first] = cluster.servers;
  assert.ok(first);
  const { clientUrl, peerUrl } = first;
  servers = { clientUrl, peerUrl, nobody: `http://127.0.0.1:${await freePort()}` };
});
after(() => cluster[Symbol.asyncDispose]());

/** By both programs, on the same servers. */
async function run(row: Case): Promise<string> {
  const [theirs] = await compare(row, servers, { "by ours": servers });
  return theirs?.stdout ?? "";
}

test("three servers are seen as they are when one after the other ends", async () => {
  const [, second, third] = cluster.servers;
  assert.ok(second && third);
  assert.match(await run({ line: "cluster-health" }), /\ncluster is healthy\n$/);
  assert.match(await run({ line: "member list" }), /isLeader=true/);
  assert.equal(await run({ line: "set a 1" }), "1\n");

  await third.stop();
  await until("a write is taken without the third", async () => {
    const answer = await second.put("/b", "2").catch(() => undefined);
    return answer?.ok === true;
  });
  assert.match(await run({ line: "cluster-health" }), /unreachable[^]*\ncluster is degraded\n$/);
  assert.equal(await run({ line: "--no-sync get -q b" }), "2\n");

  await second.stop();
  await until("the first is ill", async () => !(await cluster.servers[0]?.isHealthy()));
  const left = await run({ line: "cluster-health" });
  assert.match(left, /is unhealthy: [^]*\ncluster is unavailable\n$/);
  await run({ line: "--no-sync get a" });
});
