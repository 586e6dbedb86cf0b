import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ONCE_PLANTS } from "#test/simulation/once-plants.ts";
import { simulateOnce } from "#test/simulation/once-run.ts";

const PROGRAM = fileURLToPath(import.meta.resolve("./simulation/simulate-once.ts"));
const SEEDS = 30;
/** How many seeds are tried until a planted bug is found. */
const TRIES = 40;

test("units of which at most one copy may run never have two, and run again after all troubles", async () => {
  const args = [PROGRAM, "--seeds", String(SEEDS)];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch(
    (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }),
  );
  const [, starts, moves, lapses] =
    /^30 seeds, (\d+) starts, (\d+) moves, (\d+) leases ran out, 0 violations\n$/.exec(stdout) ??
    assert.fail(stdout);
  // The troubles were some.
  assert.ok(Number(starts) > 5 * SEEDS, stdout);
  assert.ok(Number(moves) > SEEDS, stdout);
  assert.ok(Number(lapses) > SEEDS, stdout);
});

test("the same seed gives the same run", async () => {
  assert.equal((await simulateOnce(3)).hash, (await simulateOnce(3)).hash);
});

for (const [name, plant] of Object.entries(ONCE_PLANTS))
  test(`a planted bug is found: ${name}`, async () => {
    const others: string[] = [];
    for (let seed = 1; seed <= TRIES; seed++) {
      const { violations } = await simulateOnce(seed, { plant: plant() });
      if (violations.some((text) => text.startsWith("5 at most one copy"))) return;
      others.push(...violations);
    }
    assert.fail(`none of ${TRIES} seeds found it, but ${JSON.stringify(others)}`);
  });
