import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { networkOf, RequestRate } from "./request-rate.ts";

const HOUR_MS = 3_600_000;

test("so many at once, then one after each part of an hour, each address on its own", () => {
  const rate = new RequestRate(2);
  assert.equal(rate.take("10.0.0.1", 0), 0);
  assert.equal(rate.take("10.0.0.1", 0), 0);
  assert.equal(rate.take("10.0.0.1", 0), HOUR_MS / 2);
  assert.equal(rate.take("10.0.0.2", 0), 0);
  assert.equal(rate.take("10.0.0.1", HOUR_MS / 2), 0);
  assert.ok(rate.take("10.0.0.1", HOUR_MS / 2) > 0);
});

test("in any hour at most twice the number is let through", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: HOUR_MS / 4 }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), gaps, (perHour, waits) => {
      const rate = new RequestRate(perHour);
      const passed: number[] = [];
      let nowMs = 0;
      for (const wait of waits) {
        nowMs += wait;
        if (rate.take("a", nowMs) === 0) passed.push(nowMs);
      }
      for (const start of passed) {
        const within = passed.filter((at) => at >= start && at < start + HOUR_MS).length;
        assert.ok(within <= 2 * perHour, `${within} of ${perHour}`);
      }
    }),
  );
});

for (const [address, network] of [
  ["10.0.0.1", "10.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["::1", "0:0:0:0"],
  ["", ""],
] as const)
  test(`${address} counts as ${network}`, () => assert.equal(networkOf(address), network));
