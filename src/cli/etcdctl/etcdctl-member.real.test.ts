import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startCluster } from "#keys/cluster-for-tests.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { type Case, compare, runOurs, type Servers } from "./compare-for-tests.ts";

const LIMIT_MS = 60_000;
/** Members must have been connected for 5 seconds before etcd lets one go. */
const SETTLED_AFTER_MS = 5_500;

/** A cluster of one that is to have a second member. */
interface Cluster extends Servers {
  readonly named: Record<string, string>;
  /** Starts the second member with the settings that `member add` has printed. */
  readonly startSecond: (settings: Readonly<Record<string, string>>) => Promise<void>;
}

const NETWORK = "127.0.96";
const stack = new AsyncDisposableStack();
let theirs: Cluster;
let others: Readonly<Record<string, Cluster>>;

before(async () => {
  theirs = await startEtcd();
  others = { "on a real etcd": await startEtcd(), "on Keelson's store": await startKeelson() };
});
after(() => stack.disposeAsync());

async function startEtcd(): Promise<Cluster> {
  const { clientUrl, peerUrl } = stack.use(await startRealEtcd());
  const [nobody, SECOND, ITS_CLIENT] = await Promise.all([freeUrl(), freeUrl(), freeUrl()]);
  const startSecond: Cluster["startSecond"] = async (settings) => {
    const directory = await mkdtemp(join(tmpdir(), "second-etcd-"));
    stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    const env = {
      PATH: process.env["PATH"],
      ...settings,
      ETCD_ENABLE_V2: "true",
      ETCD_DATA_DIR: directory,
      ETCD_LISTEN_PEER_URLS: SECOND,
      ETCD_INITIAL_ADVERTISE_PEER_URLS: SECOND,
      ETCD_LISTEN_CLIENT_URLS: ITS_CLIENT,
      ETCD_ADVERTISE_CLIENT_URLS: ITS_CLIENT,
    };
    const child = spawn("etcd", [], { env, stdio: "ignore" });
    const ended = once(child, "exit");
    stack.defer(async () => {
      child.kill("SIGKILL");
      await ended;
    });
  };
  return {
    clientUrl,
    peerUrl,
    nobody,
    named: { FIRST: "default", SECOND, ITS_CLIENT },
    startSecond,
  };
}

async function startKeelson(): Promise<Cluster> {
  const cluster = stack.use(await startCluster({ network: NETWORK, size: 1 }));
  const [first] = cluster.servers;
  assert.ok(first);
  const second = cluster.add("second", `${NETWORK}.2`);
  const named = { FIRST: first.name, SECOND: second.peerUrl, ITS_CLIENT: second.clientUrl };
  return {
    clientUrl: first.clientUrl,
    peerUrl: first.peerUrl,
    nobody: await freeUrl(),
    named,
    startSecond: async (settings) => {
      second.env = settings;
      second.start();
    },
  };
}

async function freeUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

async function run(row: Case): Promise<string[]> {
  const outcomes = await compare(row, theirs, others);
  return outcomes.map(({ stdout }) => stdout);
}

function settingsIn(printed = ""): Record<string, string> {
  const variables = [...printed.matchAll(/^(ETCD_[A-Z_]+)="(.*)"$/gm)];
  assert.equal(variables.length, 3, printed);
  return Object.fromEntries(variables.map(([, name, value]) => [name ?? "", value ?? ""]));
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
  // The first is about to find that it is no majority: etcd's own client lists nobody then.
  for (const { clientUrl } of Object.values(others)) {
    const env = { ETCDCTL_ENDPOINTS: clientUrl };
    const { stdout } = await runOurs({ args: ["--no-sync", "member", "list"], env, stdin: "" });
    assert.match(stdout, /^[0-9a-f]+\[unstarted\]: peerURLs=http/m);
    assert.match(stdout, /^[0-9a-f]+: name=/m);
  }
  await run({
    line: "--no-sync member add third NOBODY",
    ours: {
      because: "it has a leader; what it lacks is the second member",
      stderr:
        "the members were not changed (CLIENT answers 500): a majority of them has to run, and one that has just joined needs some seconds\n",
    },
  });
  const clusters = [theirs, ...Object.values(others)];
  for (const [i, cluster] of clusters.entries()) await cluster.startSecond(settingsIn(added[i]));
  await Promise.all(clusters.map(settle));

  const list = await run({ line: "member list", unordered: true });
  for (const [i, cluster] of clusters.entries()) {
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
