import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_LEASE, FOLLOWER, leads, stepLeadership } from "./leadership.ts";

test("leadership is counted from the sending of the last good renewal, and ends before the lease", () => {
  const first = stepLeadership(
    FOLLOWER,
    { type: "granted", index: 7, sentMs: 1_000 },
    ENGINE_LEASE,
  );
  assert.deepEqual(first, { state: "leader", index: 7, renewAtMs: 2_500, endsMs: 5_500 });
  assert.equal(leads(first, 5_499), true);
  assert.equal(leads(first, 5_500), false);
  const renewed = stepLeadership(first, { type: "granted", index: 9, sentMs: 2_500 }, ENGINE_LEASE);
  assert.equal(leads(renewed, 6_999), true);
  assert.deepEqual(stepLeadership(renewed, { type: "tick", nowMs: 6_999 }, ENGINE_LEASE), renewed);
  assert.deepEqual(stepLeadership(renewed, { type: "tick", nowMs: 7_000 }, ENGINE_LEASE), FOLLOWER);
});

test("a refused renewal ends leading at once", () => {
  const leader = stepLeadership(FOLLOWER, { type: "granted", index: 7, sentMs: 0 }, ENGINE_LEASE);
  assert.deepEqual(stepLeadership(leader, { type: "refused" }, ENGINE_LEASE), FOLLOWER);
});
