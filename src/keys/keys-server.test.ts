import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

const clock = new FakeClock();
const random = seededRandom(1);
const signal = new AbortController().signal;

function open(disk: MemoryDisk, snapshotEveryLength: number): KeysServer {
  const log = new MemoryLog(disk, { clock, random, delayMaxMs: 0 });
  const onFault = (fault: Error) => assert.fail(fault.message);
  return new KeysServer(log, { clock, random, snapshotEveryLength, onFault });
}

test("large entries make a snapshot due, also when every run writes a few", async () => {
  const disk = new MemoryDisk();
  const set = { op: "set", key: "/k", value: "v".repeat(10_000), dir: false, timeMs: 1 } as const;
  {
    await using first = open(disk, 50_000);
    for (let at = 0; at < 6; at += 1) await first.propose(set, signal);
  }
  const index = disk.snapshot?.index ?? assert.fail("no snapshot");
  for (let run = 0; run < 3; run += 1) {
    await using server = open(disk, 50_000);
    for (let at = 0; at < 2; at += 1) await server.propose(set, signal);
  }
  assert.ok((disk.snapshot?.index ?? 0) > index, "a later run saved one too");
});
