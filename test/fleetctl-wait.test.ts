import assert from "node:assert/strict";
import { test } from "node:test";
import { ShutdownRequested } from "#base/shutdown.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { openBench } from "./fleetctl-bench.ts";
import { runFleetctl } from "./fleetctl-run.ts";
import { MACHINES } from "./fleetctl-units.ts";

const M1 = "11111111.../172.31.7.11";

test("fleetctl start fails with what systemd says and where to look", async () => {
  await using bench = await openBench();
  await bench.follow([
    {
      run: "start fail",
      out: `Unit fail.service inactive\nUnit fail.service launched on ${M1}`,
      err: `Error waiting for units: unit fail.service has failed on ${M1}; see: fleetctl journal fail.service`,
      exit: 1,
    },
    {
      run: "start noexec",
      out: /launched on/,
      err: /unit noexec\.service could not be loaded by systemd \(bad-setting\) on \S+; see: fleetctl journal noexec\.service\n$/,
      exit: 1,
    },
    // Nothing changes by starting it again, which the original passed over in silence.
    { run: "start fail", err: /has failed/, exit: 1 },
  ]);
});

test("fleetctl start takes a oneshot unit that ended well as started", async () => {
  await using bench = await openBench();
  await bench.follow([
    {
      run: "start oneshot",
      out: `Unit oneshot.service inactive\nUnit oneshot.service launched on ${M1}`,
    },
  ]);
});

test("fleetctl start waits while systemd activates the unit, and says so", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  await runFleetctl(["load", "foo"], options);
  const state = (systemdActiveState: string, systemdSubState: string) => ({
    name: "foo.service",
    hash: unitHash(fleet.units.get("foo.service")!.options),
    machineID: MACHINES[0]!.id,
    systemdLoadState: "loaded",
    systemdActiveState,
    systemdSubState,
  });
  fleet.report(state("activating", "start-pre"));
  const { stdout, stderr, exit } = await runFleetctl(["start", "foo"], {
    ...options,
    onOutput: (soFar) => {
      if (soFar.stderr.includes("start-pre")) fleet.report(state("active", "running"));
    },
  });
  assert.equal(
    stderr,
    "Waiting for unit foo.service: for systemd, which says activating (start-pre)\n",
  );
  assert.equal(stdout, `Unit foo.service launched on ${M1}\n`);
  assert.equal(exit, 0);
});

test("fleetctl start does not take a process for started that dies at once", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  const { stderr, exit } = await runFleetctl(["start", "foo"], {
    ...options,
    onOutput: ({ stdout }) => {
      if (!stdout.includes("launched on")) return;
      fleet.report({
        name: "foo.service",
        hash: unitHash(fleet.units.get("foo.service")!.options),
        machineID: MACHINES[0]!.id,
        systemdLoadState: "loaded",
        systemdActiveState: "failed",
        systemdSubState: "failed",
      });
    },
  });
  assert.match(stderr, /unit foo\.service has failed on 11111111/);
  assert.equal(exit, 1);
});

test("fleetctl start waits for a machine that fits, and for as long explains why there is none", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  await runFleetctl(["start", "c@1", "c@2", "c@3"], options);
  let explained = false;
  const outcome = await runFleetctl(["start", "c@4"], {
    ...options,
    onOutput: ({ stderr }) => {
      if (explained || !stderr.includes("fits no machine")) return;
      explained = true;
      void runFleetctl(["destroy", "c@2"], options);
    },
  });
  assert.match(
    outcome.stderr,
    /^Unit c@4\.service fits no machine; it is placed as soon as one does:\n {2}11111111\S+: conflicts with c@1\.service\n {2}22222222\S+: conflicts with c@2\.service\n {2}33333333\S+: conflicts with c@3\.service\n$/,
  );
  assert.match(outcome.stdout, /Unit c@4\.service launched on 22222222\.\.\.\/172\.31\.7\.12\n$/);
  assert.equal(outcome.exit, 0);
  assert.equal(fleet.units.get("c@4.service")?.desiredState, "launched");
});

test("fleetctl start explains the first of many units that have no place, and names the rest", async () => {
  await using bench = await openBench();
  const { stdout, stderr, exit } = await runFleetctl(
    ["start", "--block-attempts=1", "c@{1..10}"],
    bench.options,
  );
  assert.equal(stdout.match(/ launched on /g)?.length, 3);
  assert.equal(stderr.match(/fits no machine/g)?.length, 5);
  assert.equal(stderr.match(/ is not placed yet; see: fleetctl explain c@/g)?.length, 2);
  assert.equal(stderr.match(/timed out waiting for unit/g)?.length, 7);
  assert.equal(exit, 1);
});

test("fleetctl start ends when the person has enough, with the unit still wanted", async () => {
  await using bench = await openBench();
  const controller = new AbortController();
  const outcome = await runFleetctl(["start", "metanone"], {
    ...bench.options,
    signal: controller.signal,
    onOutput: ({ stdout }) => {
      if (stdout.includes("inactive")) controller.abort(new ShutdownRequested("SIGINT"));
    },
  });
  assert.equal(outcome.exit, 130);
  assert.match(
    outcome.stderr,
    /Interrupted: unit metanone\.service stays wanted and starts when it can; to take that back, run: fleetctl unload metanone\.service\n$/,
  );
  assert.equal(bench.fleet.units.get("metanone.service")?.desiredState, "launched");
});
