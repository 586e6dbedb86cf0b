import assert from "node:assert/strict";
import { after, before } from "node:test";
import { systemClock } from "#base/clock.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { openKeysClient } from "./client.ts";
import { testKeysConformance } from "./keys-conformance.ts";
import { KeysServer } from "./keys-server.ts";
import { LocalKeys } from "./local-keys.ts";
import { type RealEtcd, startRealEtcd } from "./real-etcd.ts";

let etcd: RealEtcd;
before(async () => {
  etcd = await startRealEtcd();
});
after(() => etcd[Symbol.asyncDispose]());

testKeysConformance("client on a real etcd", async () =>
  openKeysClient({ endpoints: [etcd.clientUrl] }),
);

testKeysConformance("in process", async () => {
  const options = { clock: systemClock, random: Math.random };
  const log = new MemoryLog(new MemoryDisk(), { ...options, delayMaxMs: 0 });
  const server = new KeysServer(log, { ...options, onFault: assert.fail });
  const keys = new LocalKeys(server);
  return Object.assign(keys, { [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
});
