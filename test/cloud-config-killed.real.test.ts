// coreos-cloudinit loses its life in the middle; run again, it finishes what it began.
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkEverything, everythingFor, UNITS_BEFORE } from "#test/cloud-config-everything.ts";
import { CloudHost } from "#test/cloud-config-host.ts";

/** After so many steps of more than fifty: the name, users, files, unit files, what is enabled, commands. */
const MOMENTS = [0, 1, 4, 9, 17, 33, 42, 47];

/** systemd reads its files again, and networkd starts again, each time. */
const DONE_EACH_TIME = 2;

for (const steps of MOMENTS)
  test(`killed after ${steps} steps, it completes when run again`, async () => {
    await using host = await CloudHost.boot();
    await host.succeed(UNITS_BEFORE);
    const userData = await everythingFor(host);
    assert.match(await host.applyUntil(userData, steps), /^137 after/);
    const again = await host.apply(userData);
    assert.equal(again.status, 0, again.stderr);
    const unchanged = again.stdout.match(/: unchanged/g)?.length ?? 0;
    assert.ok(
      unchanged + DONE_EACH_TIME >= steps,
      `${steps} steps were done before, ${unchanged} are so now`,
    );
    await checkEverything(host);
  });
