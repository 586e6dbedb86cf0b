import assert from "node:assert/strict";
import { test } from "node:test";
import { parseExposition } from "#base/prometheus-for-tests.ts";
import { ask, startNodes, until } from "./api-nodes.ts";

const UNIT = JSON.stringify({
  desiredState: "launched",
  options: [{ section: "Service", name: "ExecStart", value: "/bin/sleep infinity" }],
});
const NOWHERE = JSON.stringify({
  desiredState: "launched",
  options: [
    { section: "Service", name: "ExecStart", value: "/bin/sleep infinity" },
    { section: "X-Fleet", name: "MachineMetadata", value: "role=nobody" },
  ],
});

/** Of the original: those that a running daemon shows, and those that its source defines besides. */
const ORIGINAL: readonly (readonly [name: string, type: string, help: string])[] = [
  [
    "fleet_engine_leader_start_time",
    "gauge",
    "Start time of becoming an engine leader since epoch in seconds.",
  ],
  ["fleet_engine_reconcile_count_total", "counter", "Counter of reconcile rounds."],
  ["fleet_engine_reconcile_failure_count_total", "counter", "Counter of scheduling failures."],
  ["fleet_engine_task_count_total", "counter", "Counter of engine schedule tasks."],
  ["fleet_engine_task_failure_count_total", "counter", "Counter of engine schedule task failures."],
  [
    "fleet_engine_reconcile_duration_second",
    "histogram",
    "Histogram of time (in seconds) each schedule round takes.",
  ],
  ["fleet_registry_operation_count_total", "counter", "Counter of registry operations."],
  [
    "fleet_registry_operation_duration_second",
    "histogram",
    "Histogram of time (in seconds) each registry operation takes.",
  ],
  [
    "fleet_registry_operation_failed_count_total",
    "counter",
    "Counter of failed registry operations.",
  ],
];

test("GET /metrics has the original's families, and what the cluster is like", async (t) => {
  const [a, b] = await startNodes(t, "a", "b");
  const scrape = async (node = a!) => {
    const [status, body] = await ask(node, "GET", "/metrics");
    assert.equal(status, 200);
    return parseExposition(body);
  };
  await ask(a!, "PUT", "/fleet/v1/units/a.service", UNIT);
  await ask(a!, "PUT", "/fleet/v1/units/nowhere.service", NOWHERE);
  await until("a is active", async () => {
    const shown = await scrape();
    const states = shown.get("keelson_fleet_unit_states")?.samples;
    return states?.get('keelson_fleet_unit_states{active="active"}') === 1;
  });
  const leader = a!.machine.leads ? a! : b!;
  const other = leader === a ? b! : a!;
  const families = await scrape(leader);
  for (const [name, type, help] of ORIGINAL) {
    assert.equal(families.get(name)?.type, type, name);
    assert.equal(families.get(name)?.help, help, name);
  }
  const value = (name: string, labels = "", of = families) =>
    of.get(name)?.samples.get(`${name}${labels}`);
  assert.equal(value("fleet_engine_task_count_total", '{type="attemptscheduleunit"}'), 1);
  assert.ok(value("fleet_engine_reconcile_failure_count_total", '{type="schedule"}')! >= 1);
  assert.ok(value("fleet_engine_reconcile_count_total")! >= 1);
  assert.ok(value("fleet_registry_operation_count_total", '{type="set"}')! >= 1);
  assert.ok(value("fleet_registry_operation_count_total", '{type="get_all"}')! >= 1);
  const ageSeconds = Date.now() / 1000 - value("fleet_engine_leader_start_time")!;
  assert.ok(ageSeconds >= -1 && ageSeconds < 120, String(ageSeconds));
  assert.equal(value("fleet_engine_leader_start_time", "", await scrape(other)), 0);
  assert.equal(value("keelson_fleet_machines", '{state="present"}'), 2);
  assert.equal(value("keelson_fleet_units", '{desired="launched"}'), 2);
  assert.equal(value("keelson_fleet_units_unplaced"), 1);
  assert.equal(value("keelson_fleet_leads"), 1);
  assert.ok(value("process_start_time_seconds")! > 0);
});

test("GET /metrics tells of a store that does not answer", async (t) => {
  const [a] = await startNodes(t, "a");
  a!.link.cut();
  await until("failures are counted", async () => {
    const [, body] = await ask(a!, "GET", "/metrics");
    const families = parseExposition(body);
    const failed = families.get("fleet_registry_operation_failed_count_total");
    return (
      (failed?.samples.size ?? 0) > 0 &&
      families
        .get("keelson_fleet_store_following")
        ?.samples.get("keelson_fleet_store_following") === 0
    );
  });
  const [status] = await ask(a!, "POST", "/metrics");
  assert.equal(status, 405);
});
