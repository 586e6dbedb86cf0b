import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clusterStore } from "./cluster-store.ts";
import { growingStore } from "./growing-store.ts";
import { runReal } from "./real-run.ts";

const DURATION_MS = 60_000;

test("one server becomes three under load: every answer is right, and nothing goes back", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-growing-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  await using store = await growingStore(directory);
  const report = await runReal(store, { durationMs: 15_000, seed: 1 });
  t.diagnostic(JSON.stringify({ ...report, problems: report.problems.length }));
  assert.deepEqual(report.problems, []);
  assert.ok((report.strikes["a member more"] ?? 0) >= 2, "it did not grow");
});

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
