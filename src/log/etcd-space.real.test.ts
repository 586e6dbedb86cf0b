import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { openCluster } from "#log/etcd-real.ts";

const QUOTA_BYTES = 16 << 20;
const ENTRY = "x".repeat(400_000);
const FILL_MAX = 100;

test("a real etcd whose space is used up gets room again by itself, also after its servers start anew", async () => {
  await using cluster = await openCluster(1, { flags: [`--quota-backend-bytes=${QUOTA_BYTES}`] });
  await using client = openEtcdClient({ endpoints: cluster.endpoints });
  const signal = AbortSignal.timeout(120_000);
  const limits = { spaceLookMs: 500, appendMs: 1_000 };
  const common = { client, prefix: "/k", clock: systemClock, random: Math.random, limits };
  const options = { ...common, logger: openLogger("silent") };
  const open = async (quotaBytes?: number) => {
    const own = quotaBytes === undefined ? {} : { quotaBytes };
    const log = await EtcdLog.open({ ...options, ...own }, signal);
    log.start({ deliver() {}, replace() {} });
    return log;
  };
  const until = async (is: () => boolean) => {
    while (!is()) await systemClock.sleep(50, signal);
  };
  {
    await using log = await open();
    let index = 0;
    for (let at = 0; at < 15; at++) index = await log.append(ENTRY);
    await log.saveSnapshot(index, ["state"]); // drops 6 MB, but their history stays
    for (let at = 0; at < FILL_MAX && log.fault === undefined; at++)
      await log.append(ENTRY).catch(() => {});
    assert.match(log.fault?.message ?? "", /space of its etcd is used up/);
  }
  await using log = await open(QUOTA_BYTES);
  await until(() => log.fault !== undefined);
  await until(() => log.fault === undefined);
  const { spaceAlarms, dbSizeBytes } = await client.status({ signal });
  assert.deepEqual(spaceAlarms, []);
  assert.ok(dbSizeBytes < 0.9 * QUOTA_BYTES);
  await until(() => log.leads);
  await log.append("again");
});
