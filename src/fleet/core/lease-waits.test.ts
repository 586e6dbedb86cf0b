import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { Departure } from "./departure.ts";
import { leaseWaits, longestLeaseMs, mayRunUntilMs } from "./lease-waits.ts";
import { sampleCluster, sampleMachine } from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

const UNIT = "db.service" as UnitName;
const A = sampleMachine("a");
const model = sampleCluster({
  machines: { b: "" },
  facts: { b: { leaseMs: 5_000 } },
  units: {
    "db.service": { fleet: ["OnPartition=stop"], on: "a" },
    "web.service": { on: "a" },
    "here.service": { fleet: ["AtMostOnce=yes"], on: "b" },
  },
});

function given(how: Departure, sinceMs: number, nowMs: number) {
  return leaseWaits(model, {
    absence: () => ({ how, sinceMs }),
    ttlMs: 6_000,
    nowMs,
    wallAt: (atMs) => new Date(Date.UTC(2026, 0, 1) + atMs),
  });
}

test("mayRunUntilMs() counts from when the lease was over at the latest", () => {
  assert.equal(mayRunUntilMs({ how: "expired", sinceMs: 10_000 }, 6_000, 3_000), 13_000);
  assert.equal(mayRunUntilMs({ how: "missing", sinceMs: 10_000 }, 6_000, 3_000), 19_000);
  assert.equal(mayRunUntilMs({ how: "deleted", sinceMs: 10_000 }, 6_000, 3_000), 19_000);
});

test("leased units of a machine that is gone wait until it must have stopped them, others do not", () => {
  const expired = given("expired", 10_000, 10_500);
  assert.deepEqual(
    [...expired.waits],
    [[UNIT, `machine ${A} is gone and may still be stopping it until 00:00:16 UTC`]],
  );
  assert.equal(expired.againAtMs, 16_000);
  assert.equal(given("expired", 10_000, 15_999).waits.size, 1);
  assert.equal(given("expired", 10_000, 16_000).waits.size, 0);
  assert.equal(given("missing", 10_000, 21_999).waits.size, 1);
  assert.equal(given("missing", 10_000, 22_000).waits.size, 0);
  assert.equal(given("deleted", 10_000, 10_000).waits.size, 0);
});

test("a lease that is longer than the engine's time to live counts, where its machine said so", () => {
  const known = sampleCluster({ machines: {}, facts: { a: { leaseMs: 25_000 } }, units: {} });
  assert.equal(longestLeaseMs(known, A, 6_000), 25_000);
  assert.equal(longestLeaseMs(known, sampleMachine("c"), 6_000), 6_000);
});

test("schedule() moves leased units, and no others, from a machine that is alive but cut off", () => {
  const cutOff = new Set([A]);
  const kinds = (nowMs: number) => {
    const { waits } = given("expired", 10_000, nowMs);
    const decisions = schedule(model, new Map(), "all", { waits, cutOff });
    return decisions.map(({ unit, kind }) => `${kind} ${unit}`);
  };
  assert.deepEqual(kinds(10_500), [`wait ${UNIT}`]);
  assert.deepEqual(kinds(16_000), [`move ${UNIT}`]);
});

test("schedule() moves other units of a lost machine, and says why one waits", () => {
  const lost = new Map([[A, "its record expired"]]);
  const { waits } = given("expired", 10_000, 10_500);
  const kinds = schedule(model, lost, "all", { waits }).map(({ unit, kind }) => `${kind} ${unit}`);
  assert.deepEqual(kinds.sort(), ["move web.service", `wait ${UNIT}`]);
  const later = schedule(model, lost, "all", { waits: given("expired", 10_000, 16_000).waits });
  assert.ok(later.some(({ unit, kind }) => unit === UNIT && kind === "move"));
});
