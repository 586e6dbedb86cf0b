import { after } from "node:test";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { openCluster } from "#log/etcd-real.ts";
import { testLogConformance } from "#log/log-conformance.ts";

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
