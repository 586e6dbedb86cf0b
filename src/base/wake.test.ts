import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { Wake } from "#base/wake.ts";

const never = new AbortController().signal;

test("Wake: rings before the wait count once", async () => {
  const clock = new FakeClock();
  const wake = new Wake();
  wake.ring();
  wake.ring();
  await wake.wait(1000, clock, never);
  let woken = false;
  const second = wake.wait(1000, clock, never).then(() => (woken = true));
  await clock.advance(999);
  assert.equal(woken, false);
  await clock.advance(1);
  await second;
  assert.equal(woken, true);
});

test("Wake: a ring ends the wait before its time", async () => {
  const clock = new FakeClock();
  const wake = new Wake();
  const waiting = wake.wait(1000, clock, never);
  wake.ring();
  await waiting;
  assert.equal(clock.monotonicMs(), 0);
});

test("Wake: an abort rejects the wait with its reason", async () => {
  const controller = new AbortController();
  const waiting = new Wake().wait(1000, new FakeClock(), controller.signal);
  controller.abort(new Error("enough"));
  await assert.rejects(waiting, { message: "enough" });
});
