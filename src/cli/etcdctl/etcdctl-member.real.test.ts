import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { type Case, compare, type Servers } from "./compare-for-tests.ts";

const LIMIT_MS = 60_000;
/** Members must have been connected for 5 seconds before etcd lets one go. */
const SETTLED_AFTER_MS = 5_500;

/** A cluster of one that is to have a second member. */
interface Cluster extends Servers {
  readonly named: Record<string, string>;
}

const stack = new AsyncDisposableStack();
let theirs: Cluster;
let ours: Cluster;

before(async () => {
  [theirs, ours] = [await startCluster(), await startCluster()];
});
after(() => stack.disposeAsync());

async function startCluster(): Promise<Cluster> {
  const { clientUrl, peerUrl } = stack.use(await startRealEtcd());
  const [nobody, second, client] = await Promise.all([freeUrl(), freeUrl(), freeUrl()]);
  return { clientUrl, peerUrl, nobody, named: { SECOND: second, ITS_CLIENT: client } };
}

async function freeUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

async function run(row: Case): Promise<string[]> {
  const outcomes = await compare(row, theirs, { "on a real etcd": ours });
  return outcomes.map(({ stdout }) => stdout);
}

/** As a person does, with the lines that `member add` has printed. */
async function startSecond(cluster: Cluster, printed: string): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "second-etcd-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const variables = [...printed.matchAll(/^(ETCD_[A-Z_]+)="(.*)"$/gm)];
  assert.equal(variables.length, 3, printed);
  const env = {
    PATH: process.env["PATH"],
    ...Object.fromEntries(variables.map(([, name, value]) => [name, value])),
    ETCD_ENABLE_V2: "true",
    ETCD_DATA_DIR: directory,
    ETCD_LISTEN_PEER_URLS: cluster.named["SECOND"],
    ETCD_INITIAL_ADVERTISE_PEER_URLS: cluster.named["SECOND"],
    ETCD_LISTEN_CLIENT_URLS: cluster.named["ITS_CLIENT"],
    ETCD_ADVERTISE_CLIENT_URLS: cluster.named["ITS_CLIENT"],
  };
  const child = spawn("etcd", [], { env, stdio: "ignore" });
  const ended = once(child, "exit");
  stack.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
}

/** Until the second member has made itself known and both are well. */
async function settle({ clientUrl, named }: Cluster): Promise<void> {
  for (const untilMs = performance.now() + LIMIT_MS; ; await sleep(100)) {
    assert.ok(performance.now() < untilMs, "the second member is not ready");
    const [members, health] = await Promise.all([
      read(`${clientUrl}/v2/members`),
      read(`${named["ITS_CLIENT"]}/health`),
    ]);
    if (members.includes(named["ITS_CLIENT"] ?? "") && health.includes("true")) return;
  }
}

async function read(url: string): Promise<string> {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const answer = await fetch(url, { signal }).catch(() => undefined);
  return (await answer?.text()) ?? "";
}

test("a cluster grows by a member, which moves and goes", async () => {
  await run({ line: "member update 1234 SECOND" });
  await run({ line: "member update zz SECOND" });
  await run({ line: "member add second PEER" });
  const added = await run({ line: "member add second SECOND" });
  await run({ line: "member list", unordered: true });
  await run({
    line: "--no-sync member add third NOBODY",
    ours: {
      because: "it has a leader; what it lacks is the second member",
      stderr:
        "the members were not changed (CLIENT answers 500): a majority of them has to run, and one that has just joined needs some seconds\n",
    },
  });
  await startSecond(theirs, added[0] ?? "");
  await startSecond(ours, added[1] ?? "");
  await Promise.all([settle(theirs), settle(ours)]);

  const list = await run({ line: "member list", unordered: true });
  for (const [i, cluster] of [theirs, ours].entries()) {
    const [, id] = /^([0-9a-f]+): name=second /m.exec(list[i] ?? "") ?? [];
    assert.ok(id, list[i]);
    cluster.named["ID"] = id;
  }
  await run({ line: "cluster-health", unordered: true });
  await run({ line: "member update ID PEER" });
  await run({ line: "member update ID SECOND" });
  await run({ line: "--debug --no-sync member update ID SECOND" });
  await run({ line: "member remove second" });
  await sleep(SETTLED_AFTER_MS);
  await run({ line: "member remove ID" });
  await run({ line: "member remove ID" });
  await run({ line: "member list" });
  await run({ line: "set still 1" });
});
