import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import type { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import type { LogReader, LogSnapshot } from "#log/core/log.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { openCluster, type RealCluster } from "#log/etcd-real.ts";

const WITHIN_MS = 120_000;
const logger = openLogger("silent");

/** One server that asks its own member of the cluster only, and keeps the whole sequence as its state. */
class Server implements LogReader, AsyncDisposable {
  readonly log: EtcdLog;
  readonly #end: AsyncDisposableStack;
  seen: string[];
  jumps = 0;

  static async open(cluster: RealCluster, at: number, seed?: LogSnapshot): Promise<Server> {
    await using stack = new AsyncDisposableStack();
    const client = stack.use(openEtcdClient({ endpoints: [cluster.endpoint(at)] }));
    const options = { client, prefix: "/k", clock: systemClock, random: Math.random, logger };
    const signal = AbortSignal.timeout(WITHIN_MS);
    const log = stack.use(await EtcdLog.open({ ...options, ...(seed && { seed }) }, signal));
    return new Server(log, stack.move());
  }

  private constructor(log: EtcdLog, end: AsyncDisposableStack) {
    this.log = log;
    this.#end = end;
    this.seen = [...(log.snapshot?.chunks ?? [])];
    log.start(this);
  }

  deliver(entries: Parameters<LogReader["deliver"]>[0]): void {
    for (const { index, data } of entries) {
      assert.equal(index, this.seen.length + 1);
      this.seen.push(data);
    }
  }

  replace({ index, chunks }: LogSnapshot): void {
    assert.ok(index > this.seen.length);
    this.jumps += 1;
    this.seen = [...chunks];
  }

  save(): Promise<void> {
    return this.log.saveSnapshot(this.seen.length, [...this.seen]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#end.disposeAsync();
  }
}

async function until(what: string, is: () => boolean): Promise<void> {
  const untilMs = performance.now() + WITHIN_MS;
  while (!is()) {
    assert.ok(performance.now() < untilMs, `not in time: ${what}`);
    await systemClock.sleep(20, new AbortController().signal);
  }
}

/** Appends by the server until stopped; what was acknowledged, by index. */
function load(server: Server, name: string) {
  const acknowledged = new Map<number, string>();
  let isStopped = false;
  const run = async (): Promise<void> => {
    for (let at = 0; !isStopped; at++) {
      const data = `${name} ${at} ${"x".repeat(Math.random() * 500)}`;
      await server.log.append(data).then(
        (index) => acknowledged.set(index, data),
        () => {},
      );
    }
  };
  const running = run();
  const stop = (): Promise<void> => {
    isStopped = true;
    return running;
  };
  return { acknowledged, stop };
}

async function leaderOf(cluster: RealCluster): Promise<number> {
  const options = { signal: AbortSignal.timeout(WITHIN_MS) };
  for (const [at, endpoint] of cluster.endpoints.entries()) {
    await using client = openEtcdClient({ endpoints: [endpoint] });
    const { leader, header } = await client.status(options);
    if (leader === header.memberId) return at;
  }
  return assert.fail("no member leads");
}

test("three servers agree while members are killed, stopped and started, and history is compacted", async (t) => {
  await using cluster = await openCluster(3);
  await using stack = new AsyncDisposableStack();
  const servers: Server[] = [];
  for (const at of cluster.endpoints.keys())
    servers.push(stack.use(await Server.open(cluster, at)));
  await until("one leads", () => servers.filter(({ log }) => log.leads).length === 1);
  const loads = servers.map((server, at) => load(server, `s${at}`));
  const acknowledged = () => loads.reduce((sum, one) => sum + one.acknowledged.size, 0);
  const more = async (count: number): Promise<void> => {
    const goal = acknowledged() + count;
    await until(`${count} more entries`, () => acknowledged() >= goal);
  };
  await more(200);

  const leader = await leaderOf(cluster);
  const other = (leader + 1) % 3;
  await cluster.kill(leader);
  await more(200);
  cluster.start(leader);
  await cluster.untilHealthy();
  await cluster.pause(other);
  await more(200);
  cluster.resume(other);
  await more(100);

  // Whose member is away while entries are cut off and forgotten takes over the others' state.
  await cluster.kill(other);
  await more(100);
  const saver = servers[leader] ?? assert.fail();
  await saver.save();
  await more(50);
  await saver.save();
  const env = { ...process.env, ETCDCTL_API: "3" };
  const { endpoints } = cluster;
  const etcdctl = ["--endpoints", endpoints[leader] ?? "", "get", "x", "--write-out", "json"];
  const { header } = JSON.parse(execFileSync("etcdctl", etcdctl, { env, encoding: "utf8" })) as {
    header: { revision: number };
  };
  const compact = ["--endpoints", endpoints[leader] ?? "", "compact", String(header.revision)];
  execFileSync("etcdctl", compact, { env, stdio: "ignore" });
  cluster.start(other);
  await until("it jumps", () => (servers[other]?.jumps ?? 0) > 0);
  await more(100);

  for (const { stop } of loads) await stop();
  const last = await saver.log.append("last");
  await until("all have all", () => servers.every(({ seen }) => seen.length >= last));
  const [first] = servers;
  for (const { seen } of servers) assert.deepEqual(seen, first?.seen);
  assert.equal(new Set(first?.seen).size, last);
  for (const one of loads)
    for (const [index, data] of one.acknowledged) assert.equal(first?.seen[index - 1], data);
  await using late = await Server.open(cluster, 0);
  assert.deepEqual(late.seen, first?.seen);
  t.diagnostic(`${last} entries, ${acknowledged()} acknowledged`);
});

test("without a majority an append is refused as etcd's v2 API refuses it, and none of those waiting appears", async () => {
  await using cluster = await openCluster(3, { flags: ["--enable-v2=true"] });
  await using server = await Server.open(cluster, 0);
  await server.log.append("a");
  await cluster.kill(1);
  await cluster.kill(2);
  const startMs = performance.now();
  const url = `${cluster.endpoint(0)}/v2/keys/a`;
  const body = new URLSearchParams({ value: "1" });
  const asked = fetch(url, { method: "PUT", body });
  const first = server.log.append("under way").catch((fault: Fault) => fault);
  await systemClock.sleep(500, new AbortController().signal);
  const fault = await server.log.append("waiting").catch((refused: Fault) => refused);
  assert.ok(typeof fault === "object" && fault.code === "STORE_UNAVAILABLE");
  const waitedMs = performance.now() - startMs;
  assert.ok(waitedMs > 6_000, `${waitedMs} ms`);
  const answer = await asked;
  const refusal = (await answer.json()) as { errorCode: number; cause: string };
  assert.deepEqual([answer.status, refusal.errorCode], [500, 300]);
  assert.ok(refusal.cause.startsWith(String(fault.facts["etcd"])), refusal.cause);
  assert.equal(server.log.fault?.code, "STORE_UNAVAILABLE");
  assert.equal(server.log.leads, false);
  await first;

  cluster.start(1);
  cluster.start(2);
  await until("it is well again", () => server.log.fault === undefined);
  let index: number | undefined;
  await until("it appends", () => {
    void server.log.append("b").then(
      (at) => (index ??= at),
      () => {},
    );
    return index !== undefined;
  });
  assert.ok(!server.seen.includes("waiting"));
  assert.ok(server.seen.filter((data) => data === "under way").length <= 1);
});

test("big entries, many entries, and an empty log that two servers want to seed", async (t) => {
  await using cluster = await openCluster(1);
  const seeds = ["one", "two"].map((name) => ({
    index: 7,
    chunks: Array(7).fill(name) as string[],
  }));
  await using first = await Server.open(cluster, 0, seeds[0]);
  {
    await using second = await Server.open(cluster, 0, seeds[1]);
    assert.deepEqual(second.seen, first.seen);
    assert.deepEqual(first.seen, seeds[0]?.chunks);
    const big = ["\u00fc\u{1f600}".repeat(500_000), "b".repeat(12 << 20), "small"];
    assert.deepEqual(await Promise.all(big.map((data) => first.log.append(data))), [8, 9, 10]);
    await until("the other has it", () => second.seen.length === 10);
    assert.deepEqual(second.seen.slice(7), big);
  }
  await first.save();

  const count = 100_000;
  let startMs = performance.now();
  for (let at = 0; at < count; at += 1_000)
    await Promise.all(Array.from({ length: 1_000 }, (_, n) => first.log.append(`entry ${at + n}`)));
  const appendedMs = performance.now() - startMs;
  startMs = performance.now();
  await using again = await Server.open(cluster, 0);
  assert.equal(again.seen.length, 10 + count);
  assert.equal(again.seen.at(-1), `entry ${count - 1}`);
  t.diagnostic(`appended in ${appendedMs | 0} ms, read in ${(performance.now() - startMs) | 0} ms`);
  for (let at = 0; at < 600; at++) await first.log.append(`alone ${at}`);
  await first.save();
  await using client = openEtcdClient({ endpoints: cluster.endpoints });
  const options = { signal: AbortSignal.timeout(WITHIN_MS) };
  const { kvs } = await client.range({ key: "/k/log/", end: "/k/log0", keysOnly: true }, options);
  assert.deepEqual(
    kvs.map(({ key }) => key),
    ["/k/log/snapshot"],
  );
});
