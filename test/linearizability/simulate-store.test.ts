import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_PLANTS } from "./plants.ts";
import { simulateStore } from "./simulate-store.ts";
import { memoryPlace } from "./store-place.ts";

const SEEDS = 100;

test(`one server that crashes and whose disk fills, ${SEEDS} seeds: every answer is right`, async (t) => {
  let operations = 0;
  let unknown = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await simulateStore(seed, memoryPlace);
    assert.deepEqual(report.problems, [], `seed ${seed}`);
    operations += report.operations;
    unknown += report.unknown;
  }
  t.diagnostic(`${operations} operations, ${unknown} of unknown end, 0 violations`);
  assert.ok(operations > 100 * SEEDS && unknown > SEEDS / 2, "too little happened");
});

test("the same seed gives the same run", async () => {
  const run = async () => {
    const lines: string[] = [];
    const report = await simulateStore(7, memoryPlace, { print: (line) => lines.push(line) });
    return { report, lines };
  };
  assert.deepEqual(await run(), await run());
});

for (const [name, plant] of Object.entries(LOG_PLANTS))
  test(`a planted mistake of the log is found: ${name}`, async () => {
    for (let seed = 1; seed <= 20; seed++)
      if ((await simulateStore(seed, memoryPlace, { plant })).problems.length > 0) return;
    assert.fail("none of 20 seeds found it");
  });
