import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

/** What ends the process, which this one survives. */
async function nextUncaught(): Promise<unknown> {
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  try {
    const [error] = await once(process, "uncaughtException");
    return error;
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  }
}

for (const teller of ["who asked", "a watcher"] as const)
  test(`a failure to tell ${teller} leaves nothing half applied, and is not kept quiet`, async () => {
    const clock = new FakeClock();
    const random = seededRandom(1);
    const log = new MemoryLog(new MemoryDisk(), { clock, random, delayMaxMs: 0 });
    await using server = new KeysServer(log, { clock, random, onFault: assert.fail });
    const fail = (): never => {
      throw new Error("cannot be told");
    };
    const before = [server.etcdIndex, server.raftIndex] as const;
    if (teller === "a watcher") server.watchOnce({ key: "/a", recursive: false }, undefined, fail);
    const heard: string[] = [];
    server.watchAll({ key: "", recursive: true }, undefined, ({ node }) => heard.push(node.key));
    const told: unknown[] = [];
    const uncaught = nextUncaught();
    for (const key of ["/a", "/b"])
      server.submit({ op: "set", key, value: "1", dir: false, timeMs: 1 }, (result) => {
        told.push(result);
        if (teller === "who asked" && key === "/a") fail();
      });
    assert.match(String(await uncaught), /cannot be told/);
    assert.deepEqual([server.etcdIndex, server.raftIndex], [before[0] + 2, before[1] + 2]);
    assert.deepEqual([heard, told.length], [["/a", "/b"], 2]);
  });
