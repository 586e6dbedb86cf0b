import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MachineLease } from "./machine-lease.ts";

test("a lease is over before the record that came with it can expire, whatever the heartbeats", () => {
  const beats = fc.array(fc.record({ afterMs: fc.nat(10_000), tookMs: fc.nat(3_000) }));
  fc.assert(
    fc.property(fc.integer({ min: 1_000, max: 60_000 }), beats, (ttlMs, all) => {
      const lease = new MachineLease(ttlMs);
      let nowMs = 0;
      for (const { afterMs, tookMs } of all) {
        const sentMs = nowMs + afterMs;
        nowMs = sentMs + tookMs;
        lease.renew(sentMs, nowMs);
        // The store cannot have had it before it was sent.
        assert.ok(lease.untilMs <= sentMs + (ttlMs * 5) / 6 + 1e-6);
        assert.ok(!lease.holds(sentMs + ttlMs));
      }
    }),
  );
});

test("a lease that ran out before it was renewed is another one", () => {
  const lease = new MachineLease(6_000);
  assert.ok(!lease.holds(0));
  lease.renew(0, 100);
  const { epoch } = lease;
  lease.renew(4_000, 4_100);
  assert.equal(lease.epoch, epoch);
  assert.ok(lease.holds(8_999));
  assert.ok(!lease.holds(9_000));
  lease.renew(9_500, 9_600);
  assert.notEqual(lease.epoch, epoch);
});

test("an answer that comes late gives what is left, and never shortens a lease", () => {
  const lease = new MachineLease(6_000);
  lease.renew(10_000, 10_050);
  lease.renew(7_000, 10_100);
  assert.equal(lease.untilMs, 15_000);
});
