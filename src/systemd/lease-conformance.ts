import assert from "node:assert/strict";
import { LEASE_BOUND } from "#systemd/core/lease-units.ts";
import type { Given } from "#systemd/systemd-conformance.ts";

const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";
const LEASED = `[Unit]\n${LEASE_BOUND.join("\n")}\n${SLEEP}`;

/** What every Systemd does about units that run by a lease; LEASE_UNITS are where the real one looks for units. */
export const LEASE_CHECKS: readonly (readonly [
  what: string,
  body: (given: Given) => Promise<void>,
])[] = [
  [
    "runs units by a lease until it is over, and no others",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("leased.service", LEASED);
      await given.link("free.service", SLEEP);
      assert.equal(await given.start("leased.service"), "failed");
      const first = await systemd.extendLease(performance.now() + 600_000, signal);
      assert.equal(await given.start("leased.service"), "done");
      assert.equal(await given.start("free.service"), "done");
      const startMs = performance.now();
      assert.equal(await systemd.extendLease(startMs + 300, signal), first);
      await systemd.reload(signal);
      await given.until("leased.service", "loaded inactive dead");
      assert(performance.now() - startMs >= 300, "stopped before the lease was over");
      assert.equal(await given.start("leased.service"), "failed");
      assert.equal(await given.state("free.service"), "loaded active running");
      const second = await systemd.extendLease(performance.now() + 600_000, signal);
      assert.notEqual(second, first);
      assert.equal(await given.start("leased.service"), "done");
    },
  ],
  [
    "takes a lease that is over for none, and needs nobody to be there when it ends",
    async (given) => {
      const { systemd, signal, subject } = given;
      await given.link("leased.service", LEASED);
      await using other = await subject.open();
      await other.extendLease(performance.now() + 600_000, signal);
      assert.equal(await given.start("leased.service"), "done");
      await systemd.extendLease(performance.now() - 1, signal);
      await given.until("leased.service", "loaded inactive dead");
      await other.extendLease(performance.now() + 300, signal);
      assert.equal(await given.start("leased.service"), "done");
      await other[Symbol.asyncDispose]();
      await given.until("leased.service", "loaded inactive dead");
    },
  ],
];
