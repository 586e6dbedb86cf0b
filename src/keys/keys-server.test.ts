import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd } from "#log/fake-etcd.ts";
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
    await nextTurn(); // the snapshot takes a few steps
  }
  const index = disk.snapshot?.index ?? assert.fail("no snapshot");
  for (let run = 0; run < 3; run += 1) {
    await using server = open(disk, 50_000);
    for (let at = 0; at < 2; at += 1) await server.propose(set, signal);
    await nextTurn();
  }
  assert.ok((disk.snapshot?.index ?? 0) > index, "a later run saved one too");
});

test("a log that cannot be followed any more is told at once, and nobody waits in silence", async () => {
  const etcd = new FakeEtcd(clock, random);
  const logger = openLogger("silent");
  const options = { client: etcd.connect(), prefix: "/k", clock, random, logger };
  const log = await EtcdLog.open(options, signal);
  const told: string[] = [];
  await using server = new KeysServer(log, {
    clock,
    random,
    onFault: (fault) => void told.push(fault.code),
  });
  const { following } = server;
  await clock.advance(1_000);
  await etcd.connect().put({ key: "/k/log/nonsense", value: new Uint8Array() }, { signal });
  await clock.advance(1_000);
  assert.deepEqual([told, following.aborted, log.failed.aborted], [["LOG_CORRUPT"], true, true]);
  assert.equal(server.writeFault?.code, "LOG_CORRUPT");
});
