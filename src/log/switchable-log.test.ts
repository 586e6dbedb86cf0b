import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import { collect, testLogConformance } from "#log/log-conformance.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { SwitchableLog } from "#log/switchable-log.ts";

function openOn(disk: MemoryDisk): MemoryLog {
  const random = seededRandom(disk.opened);
  return new MemoryLog(disk, { clock: new FakeClock(), random, delayMaxMs: 0 });
}

testLogConformance("switchable log", () => {
  const disk = new MemoryDisk();
  const logs = new Map<unknown, MemoryLog>();
  return {
    open() {
      disk.isFull = false;
      const inner = openOn(disk);
      const log = new SwitchableLog(inner);
      logs.set(log, inner);
      return log;
    },
    async crash(log) {
      logs.get(log)?.crash();
    },
    fail() {
      disk.isFull = true;
      return true;
    },
  };
});

/** A log that goes on behind what another one holds. */
function seeded(index: number): MemoryLog {
  const disk = new MemoryDisk();
  disk.snapshot = { index, chunks: ["state"] };
  return openOn(disk);
}

test("after an exchange appends go to the next log, at the next index; those that waited first", async () => {
  const old = openOn(new MemoryDisk());
  await using log = new SwitchableLog(old);
  const seen = collect(log);
  await log.append("a");
  const { term } = log;
  let waiting: Promise<number> | undefined;
  const given = await log.switchTo(async (standStill) => {
    const late = log.append("b");
    await standStill();
    waiting = log.append("c");
    assert.equal(log.leads, false, "nothing is to be proposed meanwhile");
    assert.equal(await late, 2, "what was under way is done before");
    assert.deepEqual(
      seen.map(({ data }) => data),
      ["a", "b"],
    );
    return seeded(2);
  });
  assert.equal(given, old);
  assert.equal(await waiting, 3);
  assert.equal(await log.append("d"), 4);
  assert.deepEqual(
    seen.map(({ index, data }) => `${index} ${data}`),
    ["1 a", "2 b", "3 c", "4 d"],
  );
  assert.ok(log.term >= term, "the term never falls");
  await given[Symbol.asyncDispose]();
});

test("an exchange that fails leaves the log as it was", async () => {
  await using log = new SwitchableLog(openOn(new MemoryDisk()));
  const seen = collect(log);
  let waiting: Promise<number> | undefined;
  const failed = log.switchTo(async (standStill) => {
    await standStill();
    waiting = log.append("a");
    throw new RangeError("the next log cannot be made");
  });
  await assert.rejects(failed, RangeError);
  assert.equal(await waiting, 1);
  assert.equal(await log.append("b"), 2);
  assert.equal(seen.length, 2);
});
