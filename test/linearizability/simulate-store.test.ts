import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { etcdPlace } from "./etcd-place.ts";
import { LOG_PLANTS } from "./plants.ts";
import { simulateStore } from "./simulate-store.ts";

const PROGRAM = join(import.meta.dirname, "simulate.ts");
/** All that is printed when nothing is wrong. */
const COUNTS =
  /^\d+ seeds, (\d+) operations, (\d+) of unknown end, (\d+) faults, \d+ watch events, (\d+) states compared, 0 violations\n$/;

const RUNS = [
  ["memory", 100, "one server that crashes and whose disk fills"],
  ["etcd", 40, "three servers that crash, pause and are cut off from an etcd that forgets"],
] as const;
for (const [place, seeds, what] of RUNS)
  test(`${what}, ${seeds} seeds: every answer is right`, async (t) => {
    // In a process of its own: in this one every promise costs twice as much, for the test runner follows them.
    const args = [PROGRAM, "--place", place, "--seeds", String(seeds)];
    const { stdout } = await promisify(execFile)(process.execPath, args).catch(
      (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }),
    );
    t.diagnostic(stdout.trim());
    assert.match(stdout, COUNTS);
    const counts = COUNTS.exec(stdout)?.slice(1).map(Number);
    assert.ok(
      counts?.every((count) => count > seeds / 2),
      "too little happened",
    );
  });

test("the same seed gives the same run", async () => {
  const run = async () => {
    const lines: string[] = [];
    const report = await simulateStore(7, etcdPlace, { print: (line) => lines.push(line) });
    return { report, lines };
  };
  assert.deepEqual(await run(), await run());
});

for (const [name, { plant, newPlace }] of Object.entries(LOG_PLANTS))
  test(`a planted mistake of the log is found: ${name}`, async () => {
    for (let seed = 1; seed <= 20; seed++)
      if ((await simulateStore(seed, newPlace, { plant })).problems.length > 0) return;
    assert.fail("none of 20 seeds found it");
  });
