// script/torture [--minutes N] [--store cluster|lone] [--seed S] [--verbose]: long runs of what the suite does shortly,
// real servers under faults with every answer checked. `cluster` needs root.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { clusterStore } from "./cluster-store.ts";
import { loneStore } from "./lone-store.ts";
import { type RealStore, runReal } from "./real-run.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    store: { type: "string", default: "cluster" },
    seed: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
/** A real store is made anew after so long: a history is checked as a whole. */
const RUN_MS = 120_000;
/** What is wrong once is wrong again and again. */
const PROBLEMS_MAX = 5;
const print = values.verbose ? { print: (line: string) => console.log(line) } : {};
const endMs = performance.now() + Number(values.minutes) * 60_000;
const total = { runs: 0, operations: 0, unknown: 0, events: 0, faults: 0, violations: 0 };

let seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
for (; performance.now() < endMs; seed++) {
  const { problems, faults, ...counts } = await run(values.store, endMs - performance.now());
  total.runs += 1;
  total.faults += faults;
  total.operations += counts.operations;
  total.unknown += counts.unknown;
  total.events += counts.events;
  total.violations += problems.length;
  for (const problem of problems.slice(0, PROBLEMS_MAX)) console.log(`seed ${seed}: ${problem}`);
  console.log(`seed ${seed}: ${JSON.stringify(counts)}, ${problems.length} violations`);
}
console.log(JSON.stringify(total));
process.exitCode = total.violations > 0 ? 1 : 0;

async function run(store: string, leftMs: number) {
  if (store !== "cluster" && store !== "lone")
    throw new Error(`--store ${store}: expected cluster or lone`);
  const open: (directory: string) => Promise<RealStore> = {
    cluster: clusterStore,
    lone: loneStore,
  }[store];
  const directory = await mkdtemp(join(tmpdir(), "keelson-torture-"));
  try {
    await using opened = await open(directory);
    const durationMs = Math.min(RUN_MS, leftMs);
    const report = await runReal(opened, { durationMs, seed, ...print });
    const faults = Object.values(report.strikes).reduce((sum, count) => sum + count, 0);
    return { ...report, faults };
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}
