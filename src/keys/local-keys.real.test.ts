import { systemClock } from "#base/clock.ts";
import { testKeysConformance } from "#keys/keys-conformance.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

testKeysConformance("local keys", async () => {
  const log = new MemoryLog(new MemoryDisk(), {
    clock: systemClock,
    random: Math.random,
    delayMaxMs: 2,
  });
  const server = new KeysServer(log, {
    clock: systemClock,
    random: Math.random,
    onFault: () => {},
  });
  const keys = new LocalKeys(server);
  return Object.assign(keys, { [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
});
