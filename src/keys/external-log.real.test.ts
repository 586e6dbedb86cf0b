import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TestServer, until } from "./cluster-for-tests.ts";
import { startRealEtcd } from "./real-etcd.ts";

async function namesAt(server: TestServer): Promise<string[]> {
  const answer = await server.ask("/v2/members");
  const { members } = (await answer.json()) as { members: { name: string }[] };
  return members.map(({ name }) => name).toSorted();
}

test("servers share a store whose log an etcd elsewhere keeps, and come and go by themselves", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-external-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  await using etcd = await startRealEtcd();
  const network = `127.${(process.pid % 100) + 1}.251`;
  const [one, two] = ["one", "two"].map(
    (name, at) =>
      new TestServer({
        name,
        host: `${network}.${at + 1}`,
        dataDir: join(directory, name),
        env: { ETCD_LOG_ENDPOINTS: etcd.clientUrl, ETCD_LOG_PREFIX: "/stores/first" },
      }),
  );
  assert.ok(one && two);
  await using _one = one.start();
  await using _two = two.start();
  await Promise.all([one.healthy(), two.healthy()]);
  assert.equal((await one.put("/a", "1")).status, 201);
  assert.equal(await two.valueAt("/a", "?quorum=true"), "1");
  await until("both know both", async () => (await namesAt(one)).join() === "one,two");
  assert.deepEqual(await namesAt(two), ["one", "two"]);
  await until("one of them leads", async () => (await two.ask("/v2/members/leader")).ok);

  const body = JSON.stringify({ peerURLs: ["http://10.0.0.1:2380"] });
  const init = { method: "POST", body, headers: { "Content-Type": "application/json" } };
  const refused = await one.ask("/v2/members", init);
  assert.equal(refused.status, 500);
  assert.match(await refused.text(), /start another server with the same log-endpoints/);

  assert.equal(await one.stop(), 0);
  await until("the one that left is gone", async () => (await namesAt(two)).join() === "two");
  await two.put("/a", "2");
  await one.start().healthy();
  assert.equal(await one.valueAt("/a", "?quorum=true"), "2");

  await two.stop();
  two.env = {};
  assert.equal(await two.start().ended, 78);
  assert.match(two.output, /is of a server whose log is elsewhere, but log-endpoints is not set/);
});
