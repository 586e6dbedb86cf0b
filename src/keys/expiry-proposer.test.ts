import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "#base/clock.ts";
import { FakeClock } from "#base/fake-clock.ts";
import type { Log } from "#log/core/log.ts";
import { proposeExpiry } from "./expiry-proposer.ts";

interface World {
  readonly log: Log & { leads: boolean };
  /** Another server's entries. */
  taken: number;
  /** The next time that it sleeps, it wakes so much too late. */
  stallMs: number;
  /** Seconds after the start at which time's passing was proposed. */
  readonly proposed: number[];
  pass(seconds: number): Promise<void>;
}

/** A server with a key that is long due; of the log, only what expiring needs. */
async function follow(work: (world: World) => Promise<void>): Promise<readonly number[]> {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const proposed: number[] = [];
  const log = {
    leads: false,
    fault: undefined,
    append: () => Promise.resolve(proposed.push(clock.monotonicMs() / 1000)),
  } as unknown as World["log"];
  const world: World = {
    log,
    taken: 1,
    stallMs: 0,
    proposed,
    pass: (seconds) => clock.advance(seconds * 1000),
  };
  const end = new AbortController();
  const stalling: Clock = {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => {
      const lateMs = world.stallMs;
      world.stallMs = 0;
      return clock.sleep(ms + lateMs, signal);
    },
  };
  const appliedIndex = () => world.taken;
  const options = { log, clock: stalling, nextExpiryMs: () => 0, appliedIndex };
  const running = proposeExpiry({ ...options, isResumed: true }, end.signal);
  await work(world);
  end.abort();
  await running;
  return proposed;
}

test("nothing expires on a server that does not lead, nor within 2 s of its log's return", async () => {
  const proposed = await follow(async (world) => {
    await world.pass(10);
    world.log.leads = true;
    await world.pass(2);
    assert.deepEqual(world.proposed, []);
    await world.pass(1);
  });
  assert.equal(proposed[0], 12.5);
});

test("a server that saw the log take writes for 2 s need not wait when it is the next to lead", async () => {
  const proposed = await follow(async (world) => {
    for (let n = 0; n < 3; n++) {
      world.taken += 1;
      await world.pass(1);
    }
    world.log.leads = true;
    await world.pass(0.5);
  });
  assert.deepEqual(proposed, [3.5]);
});

test("writes that began again a moment ago count from then on", async () => {
  const proposed = await follow(async (world) => {
    for (let n = 0; n < 3; n++) {
      world.taken += 1;
      await world.pass(1);
    }
    await world.pass(3);
    world.taken += 1;
    await world.pass(1);
    world.log.leads = true;
    await world.pass(1);
    assert.deepEqual(world.proposed, []);
    await world.pass(1);
  });
  assert.equal(proposed[0], 8.5);
});

test("a server that stood still itself lets nothing expire for 2 s", async () => {
  const proposed = await follow(async (world) => {
    world.log.leads = true;
    await world.pass(3);
    world.stallMs = 10_000;
    await world.pass(20);
  });
  const pauses = proposed.slice(1).map((second, i) => second - proposed[i]!);
  assert.equal(Math.max(...pauses), 12.5);
});
