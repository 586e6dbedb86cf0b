import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineId } from "./machine-id.ts";
import { PresenceTracker } from "./presence-tracker.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map((digit) => digit.repeat(32) as MachineId) as [
  MachineId,
  MachineId,
  MachineId,
  MachineId,
];
const OPTIONS = { ttlMs: 6_000, holdMs: 60_000 };

function tracker(followMs = 0): PresenceTracker {
  const presence = new PresenceTracker(OPTIONS);
  presence.follow(followMs);
  return presence;
}

function lostAt(
  presence: PresenceTracker,
  holders: MachineId[],
  present: MachineId[],
  nowMs: number,
) {
  return [...presence.judge(holders, new Set(present), nowMs).lost.keys()];
}

test("PresenceTracker: nobody is lost before the store is followed, or while it is away", () => {
  const presence = new PresenceTracker(OPTIONS);
  assert.deepEqual(lostAt(presence, [a], [b], 100_000), []);
  presence.follow(100_000);
  presence.departed(a, "expired", 101_000);
  presence.interrupt();
  assert.deepEqual(lostAt(presence, [a], [b], 200_000), []);
});

test("PresenceTracker: a record that is not there counts after a whole time to live of following", () => {
  const presence = tracker(1_000);
  const { lost, againAtMs } = presence.judge([a], new Set([b]), 6_999);
  assert.deepEqual([lost.size, againAtMs], [0, 7_000]);
  assert.deepEqual(lostAt(presence, [a], [b], 7_000), [a]);
});

test("PresenceTracker: what was seen before the store was away no longer counts", () => {
  const presence = tracker();
  presence.departed(a, "expired", 1_000);
  presence.interrupt();
  presence.follow(90_000);
  assert.deepEqual(lostAt(presence, [a], [b], 95_999), []);
  assert.deepEqual(lostAt(presence, [a], [b], 96_000), [a]);
});

test("PresenceTracker: many that vanished together are held, also when the store was away since", () => {
  const presence = tracker();
  for (const machine of [a, b, c]) presence.departed(machine, "expired", 10_000);
  presence.interrupt();
  presence.follow(13_000);
  presence.returned(c, 13_000);
  assert.deepEqual(lostAt(presence, [a], [c, d], 19_000), []);
  assert.deepEqual(lostAt(presence, [a], [c, d], 72_999), []);
  assert.deepEqual(lostAt(presence, [a], [c, d], 73_000), [a]);
});

test("PresenceTracker: who finds many missing at once holds them, but not those that were missing long before", () => {
  const presence = tracker();
  const lost = (nowMs: number, holder = a, present = d) => [
    ...presence.judge([holder], new Set([present]), nowMs, undefined, [a, b, c, d]).lost.keys(),
  ];
  assert.deepEqual(lost(6_000), []);
  assert.deepEqual(lost(59_999), []);
  assert.deepEqual(lost(60_000), [a]);
  presence.departed(d, "expired", 90_000);
  assert.deepEqual(lost(90_500, d, "e" as MachineId), [d]);
});

test("PresenceTracker: what is told after a silence in which the store may have been away counts as after an outage", () => {
  const presence = tracker();
  presence.heard(5_500);
  presence.departed(a, "expired", 5_500);
  assert.deepEqual(lostAt(presence, [a], [b, c], 6_000), [a]);
  presence.heard(11_501);
  presence.departed(b, "expired", 11_501);
  assert.deepEqual(lostAt(presence, [a, b], [c], 17_500), []);
  assert.deepEqual(lostAt(presence, [b], [a, c, d], 17_501), [b]);
});

test("PresenceTracker: an expired record counts once the sweep is over, a deleted one at once", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  presence.departed(b, "deleted", 10_000);
  assert.deepEqual(lostAt(presence, [a, b], [c, d], 10_000), [b]);
  assert.deepEqual(lostAt(presence, [a, b], [c, d], 10_500), [a, b]);
  assert.deepEqual(lostAt(presence, [a, b], [a, c, d], 10_500), [b]);
});

test("PresenceTracker: half of the machines are lost at once, more than half are held", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  presence.departed(b, "expired", 10_200);
  assert.deepEqual(lostAt(presence, [a, b, c], [c, d], 11_000), [a, b]);
  const { lost, held, againAtMs } = presence.judge([a, b, c], new Set([c]), 11_000);
  assert.deepEqual([[...lost.keys()], [...held.keys()], againAtMs], [[], [a, b], 70_000]);
  assert.match(held.get(a)!, /^2 of 3 machines vanished together; nothing moves for another 59 s$/);
  assert.deepEqual(lostAt(presence, [a, b, c], [c], 70_200), [a, b]);
});

test("PresenceTracker: the one of two machines that is lost is not many, leaving ones are never held", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  assert.deepEqual(lostAt(presence, [a], [b], 10_500), [a]);
  const leaving = tracker();
  for (const machine of [a, b, c]) leaving.departed(machine, "deleted", 10_000);
  assert.deepEqual(lostAt(leaving, [a, b, c], [d], 10_000), [a, b, c]);
});

test("PresenceTracker: a machine whose units moved already still counts among many", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  presence.departed(b, "expired", 15_000);
  assert.deepEqual(lostAt(presence, [b, c], [c], 16_000), []);
});

test("PresenceTracker: after the store is found an expired record counts only after a time to live", () => {
  const presence = tracker(9_700);
  presence.departed(a, "expired", 10_000);
  const { lost, againAtMs } = presence.judge([a], new Set([b, c]), 15_699);
  assert.deepEqual([lost.size, againAtMs], [0, 15_700]);
  assert.deepEqual(lostAt(presence, [a], [b, c], 15_700), [a]);
});

test("PresenceTracker: that one of many is back frees no other", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  presence.departed(b, "expired", 10_200);
  assert.deepEqual(lostAt(presence, [a, b], [a, c], 30_000), []);
  assert.deepEqual(lostAt(presence, [a, b], [a, c], 70_200), [b]);
});

test("PresenceTracker: machines that go one after another are each lost at once", () => {
  const presence = tracker();
  presence.departed(a, "expired", 10_000);
  presence.departed(b, "expired", 16_001);
  assert.deepEqual(lostAt(presence, [b], [a, c], 16_501), [b]);
  assert.deepEqual(lostAt(presence, [b], [c], 16_501), [b]);
});
