import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";
import { FakeClock } from "./fake-clock.ts";

for (const [name, clock] of Object.entries({ systemClock, fakeClock: new FakeClock() })) {
  test(`${name}: sleep() rejects with the signal's reason when aborted`, async () => {
    const controller = new AbortController();
    const reason = new Error("told to stop");
    const sleeping = clock.sleep(60_000, controller.signal);
    controller.abort(reason);
    await assert.rejects(sleeping, reason);
    await assert.rejects(clock.sleep(1, controller.signal), reason);
  });
}
