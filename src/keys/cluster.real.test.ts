import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { startCluster, type TestServer, until } from "./cluster-for-tests.ts";

interface Told {
  readonly id: string;
  readonly name: string;
  readonly clientURLs: readonly string[];
}

async function membersAt(server: TestServer): Promise<readonly Told[]> {
  const answer = await server.ask("/v2/members");
  return ((await answer.json()) as { members: Told[] }).members;
}

async function leaderOf(servers: readonly TestServer[]): Promise<TestServer> {
  const [first] = servers;
  assert.ok(first);
  let leader: TestServer | undefined;
  await until("a member leads", async () => {
    const answer = await first.ask("/v2/members/leader");
    const { name } = (await answer.json()) as { name?: string };
    leader = servers.find((server) => server.name === name);
    return leader !== undefined;
  });
  assert.ok(leader);
  return leader;
}

/** Three, of which each test leaves all healthy. */
const cluster = startCluster({ size: 3 });
test.after(async () => (await cluster)[Symbol.asyncDispose]());

test("what one server takes, every server tells, and all know the members", async () => {
  const { servers } = await cluster;
  for (const server of servers) {
    const put = await server.put(`/by-${server.name}`, "1");
    assert.equal(put.status, 201);
  }
  for (const server of servers)
    for (const other of servers)
      assert.equal(await server.valueAt(`/by-${other.name}`, "?quorum=true"), "1");
  const [first, ...others] = await Promise.all(servers.map(membersAt));
  assert.deepEqual(first?.map(({ name }) => name).toSorted(), ["core-01", "core-02", "core-03"]);
  for (const other of others) assert.deepEqual(other, first);
});

test("any one of three may be lost, the one that leads first, and comes back knowing what it missed", async () => {
  const { servers } = await cluster;
  const leader = await leaderOf(servers);
  for (const lost of [leader, ...servers.filter((server) => server !== leader)]) {
    const { etcdPid } = lost;
    await lost.kill();
    await until("its etcd ended with it", () => !existsSync(`/proc/${etcdPid}/exe`));
    const [one, two] = servers.filter((server) => server !== lost);
    assert.ok(one && two);
    await until("writes are taken without it", async () => {
      const answer = await one.put("/lost", lost.name).catch(() => undefined);
      return answer?.ok === true;
    });
    assert.equal(await two.valueAt("/lost", "?quorum=true"), lost.name);
    await lost.start().healthy();
    assert.equal(await lost.valueAt("/lost", "?quorum=true"), lost.name);
  }
});

test("a server whose etcd is killed reads on, and writes again by itself", async () => {
  const { servers } = await cluster;
  const [server] = servers;
  assert.ok(server);
  await server.put("/kept", "always");
  const before = server.etcdPid;
  assert.ok(before);
  process.kill(before, "SIGKILL");
  assert.equal(await server.valueAt("/kept"), "always");
  await until("another etcd runs", () => ![undefined, before].includes(server.etcdPid));
  await server.healthy();
  assert.equal((await server.put("/kept", "still")).status, 200);
});

test("without a quorum reads and members are told, writes are refused, and it heals by itself", async () => {
  const { servers } = await cluster;
  const [alone, ...others] = servers;
  assert.ok(alone);
  await alone.put("/kept", "always");
  const known = await membersAt(alone);
  await Promise.all(others.map((server) => server.kill()));
  const refused = await alone.put("/refused", "1");
  assert.equal(refused.status, 500);
  assert.equal(((await refused.json()) as { errorCode: number }).errorCode, 300);
  assert.equal(await alone.valueAt("/kept"), "always");
  assert.deepEqual(await membersAt(alone), known);
  await until("it is not healthy", async () => !(await alone.isHealthy()));
  await until("nobody leads", async () => (await alone.ask("/v2/members/leader")).status === 503);
  for (const server of others) server.start();
  await Promise.all(servers.map((server) => server.healthy()));
  assert.equal((await alone.put("/healed", "1")).status, 201);
});

test("all stopped and started again, in another order, hold what they held", async () => {
  const { servers } = await cluster;
  const index = (await servers[0]?.ask("/v2/keys/"))?.headers.get("x-etcd-index");
  const codes = await Promise.all(servers.map((server) => server.stop()));
  assert.deepEqual(codes, [0, 0, 0]);
  for (const server of servers.toReversed()) server.start();
  await Promise.all(servers.map((server) => server.healthy()));
  assert.equal(await servers[2]?.valueAt("/healed"), "1");
  const after = (await servers[0]?.ask("/v2/keys/"))?.headers.get("x-etcd-index");
  assert.equal(after, index);
});

test("a member that is removed ends and says how it joins again, which it then does", async () => {
  const { servers } = await cluster;
  const [first, , removed] = servers;
  assert.ok(first && removed);
  const { id = "" } = (await membersAt(first)).find(({ name }) => name === removed.name) ?? {};
  await until("the removal is taken", async () => {
    const answer = await first.ask(`/v2/members/${id}`, { method: "DELETE" });
    return answer.status === 204; // 500 until all were together for 5 s (strict-reconfig-check)
  });
  assert.equal(await removed.ended, 69, removed.output);
  assert.match(removed.output, /it was removed from the cluster; to join again/);
  await until("it is known as removed, once there is a leader again", async () => {
    return (await first.ask(`/v2/members/${id}`, { method: "DELETE" })).status === 410;
  });
  assert.equal(await removed.start().ended, 69, removed.output);
  assert.match(removed.output, /it was removed from the cluster; to join again/);

  const again = (await cluster).add("core-03b", removed.host);
  const body = JSON.stringify({ peerURLs: [again.peerUrl] });
  const init = { method: "POST", body, headers: { "Content-Type": "application/json" } };
  await until("it is added", async () => (await first.ask("/v2/members", init)).status === 201);
  const others = servers.slice(0, 2).map(({ name, peerUrl }) => `${name}=${peerUrl}`);
  again.env = {
    ETCD_INITIAL_CLUSTER: [...others, `${again.name}=${again.peerUrl}`].join(),
    ETCD_INITIAL_CLUSTER_STATE: "existing",
  };
  await again.start().healthy();
  assert.equal(await again.valueAt("/healed"), "1");
});

test("one that joins without having been added is told so", async () => {
  const { servers, network, add } = await cluster;
  const [first] = servers;
  const stranger = add("stranger", `${network}.9`);
  stranger.env = {
    ETCD_INITIAL_CLUSTER: `core-01=${first?.peerUrl},stranger=${stranger.peerUrl}`,
    ETCD_INITIAL_CLUSTER_STATE: "existing",
  };
  assert.equal(await stranger.start().ended, 78);
  assert.match(stranger.output, /Cannot join the cluster as stranger: .*etcdctl member add/);
});

test("one whose peers are of another cluster is told so", async () => {
  const { servers, network, add } = await cluster;
  const [first] = servers;
  const other = add("other", `${network}.8`);
  other.env = {
    ETCD_INITIAL_CLUSTER: `core-01=${first?.peerUrl},other=${other.peerUrl}`,
    ETCD_INITIAL_CLUSTER_TOKEN: "another",
  };
  assert.equal(await other.start().ended, 78, other.output);
  assert.match(other.output, /Cannot join the cluster as other: its peers belong to another/);
});

test("one that waits for the others ends when it is told to", async () => {
  const { network, add } = await cluster;
  const waiting = add("waiting", `${network}.7`);
  const nobody = `nobody=http://${network}.6:2380`;
  waiting.env = { ETCD_INITIAL_CLUSTER: `waiting=${waiting.peerUrl},${nobody}` };
  waiting.start();
  await until("its etcd runs", () => waiting.etcdPid !== undefined);
  assert.equal(await waiting.stop(), 0, waiting.output);
});

test("the only one left can be made a cluster of its own, with all that it holds", async () => {
  await using both = await startCluster({ size: 2 });
  const [left, lost] = both.servers;
  assert.ok(left && lost);
  assert.equal((await left.put("/kept", "1")).status, 201);
  // What etcd does not yet know to be committed it gives up then.
  assert.equal((await left.put("/after", "1")).status, 201);
  assert.equal((await left.put("/after", "2")).status, 200);
  await Promise.all([left.kill(), lost.kill()]);
  left.env = { ...left.env, ETCD_FORCE_NEW_CLUSTER: "true" };
  await left.start().healthy();
  assert.equal(await left.valueAt("/kept"), "1");
  assert.equal((await left.put("/more", "1")).status, 201);
  assert.deepEqual(
    (await membersAt(left)).map(({ name }) => name),
    ["core-01"],
  );
});
