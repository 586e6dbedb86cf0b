import type { TestContext } from "node:test";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { RunResult } from "./core/run-result.ts";
import { notingJobs } from "./noted-jobs.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

export const name = "job.service" as UnitName;

/** For tests: a cluster that notes on which machine each run of a unit began: `a job.service`. */
export async function clusterOf(t: TestContext, ...names: string[]) {
  const runs: string[] = [];
  const wrapSystemd = notingJobs((machine, job, unit) => {
    if (job === "startUnit") runs.push(`${machine} ${unit}`);
  });
  const level = process.env["KEELSON_TEST_LOG"] ? "debug" : "silent";
  const cluster = new SimulatedCluster(7, openLogger(level), { wrapSystemd });
  t.after(() => cluster[Symbol.asyncDispose]());
  for (const machine of names) cluster.add(machine);
  await cluster.until("all are there", () =>
    names.every((one) => modelOf(cluster, one)?.machines.size === names.length),
  );
  return { cluster, runs };
}

export function modelOf(cluster: SimulatedCluster, machine: string) {
  return cluster.machine(machine).daemon?.feed.model;
}

export function resultOf(
  cluster: SimulatedCluster,
  on: string,
  unit = name,
): RunResult | undefined {
  return modelOf(cluster, on)?.notes.results.get(unit)?.value;
}

export async function submit(cluster: SimulatedCluster, raw: string): Promise<void> {
  const known = { blobInUse: false, tombstone: true, replaces: false };
  const { registry, signal } = cluster;
  await cluster.whileTimePasses(registry.createJob(name, raw, "launched", known, signal));
}

export async function set(
  cluster: SimulatedCluster,
  desired: "loaded" | "launched",
): Promise<void> {
  const { registry, signal } = cluster;
  await cluster.whileTimePasses(registry.setDesired(name, desired, signal));
}
