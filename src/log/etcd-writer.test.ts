import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import { type EtcdClient, EtcdError, GRPC } from "#log/etcd-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd, NO_FAULTS } from "#log/fake-etcd.ts";

type Txn = EtcdClient["txn"];

/** A log whose puts of entries go through `change`, and what it delivered. */
async function openLog(change: (txn: Txn, clock: FakeClock) => Txn) {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const etcd = new FakeEtcd(clock, random);
  const client = etcd.connect(NO_FAULTS);
  const plain: Txn = client.txn.bind(client);
  const changed = change(plain, clock);
  client.txn = (request, options) => {
    const isAppend = request.success.some(({ key }) => key.includes("/entries/"));
    return (isAppend ? changed : plain)(request, options);
  };
  const logger = openLogger("silent");
  const options = { client, prefix: "/k", clock, random, logger };
  const log = await EtcdLog.open(options, new AbortController().signal);
  const seen: string[] = [];
  log.start({ deliver: (entries) => seen.push(...entries.map(({ data }) => data)), replace() {} });
  await clock.advance(0);
  return { clock, etcd, log, seen, options };
}

/** What became of an append, told by a text. */
function watched(append: Promise<number>) {
  const state = { is: "waiting" };
  append.then(
    (index) => (state.is = `entry ${index}`),
    (fault: Error) => (state.is = fault.message),
  );
  return state;
}

test("a put that was lost in silence is tried again soon, not only when the appends' time is over", async () => {
  let lost = 1;
  const { clock, log, seen } = await openLog((txn) => async (request, options) => {
    if (lost-- <= 0) return txn(request, options);
    await clock.sleep(options.timeoutMs ?? 60_000, options.signal);
    throw new EtcdError(GRPC.DEADLINE_EXCEEDED, "Deadline exceeded");
  });
  const first = watched(log.append("a"));
  await clock.advance(100);
  const second = watched(log.append("b"));
  await clock.advance(2_400);
  assert.deepEqual([first.is, second.is, seen], ["entry 1", "entry 2", ["a", "b"]]);
  await log[Symbol.asyncDispose]();
});

test("a put that etcd did and called too large for its space is acknowledged, once", async () => {
  let refusals = 1;
  const { clock, log, seen } = await openLog((txn) => async (request, options) => {
    const answer = await txn(request, options);
    if (refusals-- <= 0) return answer;
    throw new EtcdError(GRPC.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded");
  });
  const append = watched(log.append("a"));
  await clock.advance(1_000);
  assert.deepEqual([append.is, seen], ["entry 1", ["a"]]);
  await log[Symbol.asyncDispose]();
});

test("what waits behind a batch that a newer snapshot forbids goes on when the batch is given up", async () => {
  const { clock, log, seen } = await openLog((txn, time) => (request, options) => {
    const nowMs = time.monotonicMs();
    if (nowMs < 6_000) return Promise.reject(new EtcdError(GRPC.UNAVAILABLE, "no leader"));
    if (nowMs >= 7_000) return txn(request, options);
    const failing = { key: "/k", target: "createRevision", result: "equal", revision: 1 } as const;
    return txn({ ...request, compare: [failing] }, options);
  });
  const given = watched(log.append("a"));
  await clock.advance(6_500);
  const next = watched(log.append("b"));
  await clock.advance(2_000);
  assert.match(given.is, /timed out/);
  assert.deepEqual([next.is, seen], ["entry 1", ["b"]]);
  await log[Symbol.asyncDispose]();
});
