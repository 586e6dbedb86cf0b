import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import { collect, testLogConformance } from "#log/log-conformance.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

testLogConformance("memory log", () => {
  const disk = new MemoryDisk();
  const logs = new Map<unknown, MemoryLog>();
  return {
    open() {
      disk.isFull = false;
      const options = { clock: new FakeClock(), random: seededRandom(disk.opened), delayMaxMs: 0 };
      const log = new MemoryLog(disk, options);
      logs.set(log, log);
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

test("a crash keeps a prefix: all that was acknowledged, then any first part of the rest", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.nat({ max: 30 }),
      fc.nat({ max: 40 }),
      async (seed, count, ms) => {
        const disk = new MemoryDisk();
        const clock = new FakeClock();
        const log = new MemoryLog(disk, { clock, random: seededRandom(seed), delayMaxMs: 10 });
        collect(log);
        let acknowledged = 0;
        for (let at = 1; at <= count; at++)
          void log.append(String(at)).then(
            () => (acknowledged = at),
            () => {},
          );
        await clock.advance(ms);
        log.crash();
        await clock.advance(0);
        const kept = disk.entries.map((entry) => Number(entry.data));
        assert.deepEqual(
          kept,
          Array.from(kept.keys(), (at) => at + 1),
        );
        assert.ok(kept.length >= acknowledged && kept.length <= count);
      },
    ),
    { numRuns: 50 },
  );
});
