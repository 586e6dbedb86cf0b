import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

test("a unit whose unload stopped after its file was gone is not reported for ever when the store is wiped", async (t) => {
  let refusals = 0;
  let isWilling = false;
  let unlinked = false;
  const cluster = new SimulatedCluster(3, openLogger("silent"), {
    wrapSystemd: (systemd) =>
      Object.assign(systemd, {
        unlinkUnitFiles: systemdWith(systemd.unlinkUnitFiles.bind(systemd), () => {
          unlinked = isWilling;
          if (isWilling) return;
          refusals += 1;
          throw new Fault("SYSTEMD_FAILED", "Cannot unlink x.service: it took too long");
        }),
      }),
  });
  t.after(() => cluster[Symbol.asyncDispose]());
  const { daemon, files } = cluster.add("a");
  await cluster.until("it leads", () => daemon!.leads);
  await cluster.submit("x.service");
  const { model } = daemon!.feed;
  const name = "x.service" as UnitName;
  await cluster.until("it is reported", () => model.states.has(name));
  await cluster.destroy("x.service");
  await cluster.until("its file is gone", () => files.texts.size === 0 && refusals > 0);
  const wiped = cluster.keys.delete(cluster.at.prefix, { recursive: true }, cluster.signal);
  await cluster.whileTimePasses(wiped);
  await cluster.pass(20_000);
  assert.ok(daemon!.isRegistered);
  assert.equal(model.states.has(name), false);
  isWilling = true;
  await cluster.until("the rest is made up for", () => unlinked, 60_000);
});

function systemdWith<Args extends unknown[], Result>(
  call: (...args: Args) => Promise<Result>,
  before: () => void,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    before();
    return call(...args);
  };
}
