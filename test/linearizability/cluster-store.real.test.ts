import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clusterStore } from "./cluster-store.ts";
import { runReal } from "./real-run.ts";

const DURATION_MS = 60_000;

test("three real servers, cut off, stopped and killed under load: every answer is right", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-cluster-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  await using store = await clusterStore(directory);
  const seed = Math.floor(Math.random() * 1e6);
  const report = await runReal(store, { durationMs: DURATION_MS, seed });
  t.diagnostic(`seed ${seed}: ${JSON.stringify({ ...report, problems: report.problems.length })}`);
  assert.deepEqual(report.problems, []);
  assert.ok(report.operations > 500 && report.events > 500, "too little happened");
});
