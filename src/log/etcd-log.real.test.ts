import assert from "node:assert/strict";
import { after, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { openCluster } from "#log/etcd-real.ts";
import { collect, testLogConformance } from "#log/log-conformance.ts";

const cluster = await openCluster(1);
const client = openEtcdClient({ endpoints: cluster.endpoints });
after(async () => {
  await client[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
});

const logger = openLogger("silent");
const common = { client, clock: systemClock, random: Math.random, logger };
/** Entries and snapshots of a few bytes are cut into several values. */
const limits = { valueBytes: 16 };
let places = 0;

testLogConformance("etcd log", () => {
  const prefix = `/place-${places++}`;
  return {
    open: () => EtcdLog.open({ ...common, prefix, limits }, AbortSignal.timeout(60_000)),
    crash: async (log) => log[Symbol.asyncDispose](),
    fail: () => false,
  };
});

const IDLE_MS = 2_500;

test("one of two servers leads, writes nothing while it is idle, and the other follows it at once", async () => {
  const signal = AbortSignal.timeout(60_000);
  const open = async () => {
    const log = await EtcdLog.open({ ...common, prefix: "/two" }, signal);
    collect(log);
    return log;
  };
  const both = [await open(), await open()];
  const untilOneLeads = async (): Promise<EtcdLog> => {
    for (;;) {
      const [leader, rival] = both.filter((log) => log.leads);
      assert.equal(rival, undefined);
      if (leader) return leader;
      await systemClock.sleep(10, signal);
    }
  };
  const revision = async () =>
    (await client.range({ key: "/two/leader" }, { signal })).header.revision;
  // A machine that stands still for a while may lose its lease: then there is another try.
  for (let before = -1; before !== (await revision()); ) {
    await untilOneLeads();
    before = await revision();
    await systemClock.sleep(IDLE_MS, signal);
  }
  const first = await untilOneLeads();
  await first[Symbol.asyncDispose]();
  const second = await untilOneLeads();
  assert.notEqual(second, first);
  await second[Symbol.asyncDispose]();
  assert.equal((await client.range({ key: "/two/leader" }, { signal })).kvs.length, 0);
});
