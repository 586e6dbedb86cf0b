import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Fleet, openFleet } from "./fleetctl-fleet.ts";
import { follow, type RunOptions, runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { LIFE_SCENARIOS } from "./fleetctl-scenarios.ts";
import { TROUBLE_SCENARIOS } from "./fleetctl-trouble.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

const WHERE = "(11111111|22222222|33333333)\\.\\.\\./172\\.31\\.7\\.1[123]";

/** A fleet of the three machines and a directory with the unit files. */
async function open(t: TestContext): Promise<{ fleet: Fleet; options: RunOptions }> {
  const directory = await unitDirectory(UNIT_FILES);
  t.after(() => directory[Symbol.asyncDispose]());
  const fleet = await openFleet(directory.path, MACHINES);
  t.after(() => fleet[Symbol.asyncDispose]());
  const env = { FLEETCTL_ENDPOINT: fleet.endpoint };
  return { fleet, options: { cwd: directory.path, env } };
}

for (const [name, steps] of Object.entries({ ...LIFE_SCENARIOS, ...TROUBLE_SCENARIOS }))
  test(`fleetctl with fleetd prints what was recorded: ${name}`, async (t) => {
    const { options } = await open(t);
    await follow(steps, options);
  });

// A oneshot unit, for any other is active for a moment before it fails, and who looks then sees it active.
test("fleetctl with fleetd tells failed units from those that ended well", async (t) => {
  const { options } = await open(t);
  await follow(
    [
      {
        run: "start badshot",
        out: new RegExp(
          `^Unit badshot.service inactive\nUnit badshot.service launched on ${WHERE}\n$`,
        ),
        err: new RegExp(
          `^Error waiting for units: unit badshot.service has failed \\(exit status 1\\) on ${WHERE}; see: fleetctl journal badshot.service\n$`,
        ),
        exit: 1,
      },
      {
        run: "start noexec",
        err: new RegExp(
          `^Error waiting for units: unit noexec.service could not be loaded by systemd \\(bad-setting\\) on ${WHERE}; see: fleetctl journal noexec.service\n$`,
        ),
        out: /^Unit noexec\.service inactive\nUnit noexec\.service launched on \S+\n$/,
        exit: 1,
      },
      {
        run: "start oneshot",
        out: new RegExp(
          `^Unit oneshot.service inactive\nUnit oneshot.service launched on ${WHERE}\n$`,
        ),
      },
      {
        run: "list-units --no-legend --fields=unit,load,active,sub",
        out: [
          "badshot.service\tloaded\t\tfailed\t\tfailed",
          "noexec.service\tbad-setting\tinactive\tdead",
          "oneshot.service\tloaded\t\tinactive\tdead",
        ].join("\n"),
      },
      // A unit that failed can be restarted.
      {
        run: "restart badshot",
        err: /unit badshot\.service has failed/,
        out: /launched on/,
        exit: 1,
      },
      {
        run: "destroy badshot noexec oneshot --block-attempts=10",
        out: "Destroyed badshot.service\nDestroyed noexec.service\nDestroyed oneshot.service",
      },
      { run: "list-units --no-legend" },
    ],
    options,
  );
});

test("fleetctl with fleetd replaces a running unit by the file that changed", async (t) => {
  const { options } = await open(t);
  await runFleetctl(["start", "foo"], options);
  await writeFile(
    join(options.cwd, "foo.service"),
    "[Unit]\nDescription=Foo sleeper v2\n\n[Service]\nExecStart=/bin/sleep infinity\n",
  );
  await follow(
    [
      {
        run: "start foo",
        err: /^WARNING: Unit foo\.service in registry differs from local unit file foo\.service\. Add --replace to override\.\n--- foo[^]*\n-Description=Foo sleeper\n\+Description=Foo sleeper v2\n/,
      },
      {
        run: "start --replace foo",
        out: new RegExp(`^Unit foo.service inactive\nUnit foo.service launched on ${WHERE}\n$`),
        err: /^--- foo[^]*\n\+Description=Foo sleeper v2\n/,
      },
      { run: "list-units --no-legend --fields=active,hash", out: "active\t846268c" },
      { run: "status foo", out: "● foo.service - Foo sleeper v2\n     Active: active (running)" },
    ],
    options,
  );
});

test("fleetctl with fleetd asks the machines that run a unit for status and journal", async (t) => {
  const { options } = await open(t);
  await runFleetctl(["start", "foo", "bar", "glob"], options);
  const glob = "● glob.service - Global sleeper\n     Active: active (running)\n";
  await follow(
    [
      {
        run: "status foo bar",
        out: "● foo.service - Foo sleeper\n     Active: active (running)\n\n● bar.service - Bar sleeper\n     Active: active (running)",
      },
      {
        run: "journal -n 2 --output=cat bar",
        out: "cat line 2 of bar.service\ncat line 3 of bar.service",
      },
      // One path to each machine: a third of this is answered by the first, the rest is forwarded.
      { run: "restart glob", out: "Triggered global unit glob.service restart" },
    ],
    options,
  );
  const deadline = performance.now() + 20_000;
  const all = ["11111111.../172.31.7.11", "22222222.../172.31.7.12", "33333333.../172.31.7.13"];
  const expected = all.map((machine) => `${machine}:\n${glob}`).join("\n");
  for (;;) {
    const { stdout } = await runFleetctl(["status", "glob"], options);
    if (stdout === expected) break;
    if (performance.now() > deadline) assert.equal(stdout, expected);
  }
  await follow(
    [
      {
        run: "journal --lines=1 glob",
        out: all.map((machine) => `${machine} | short-unix line 3 of glob.service\n`).join(""),
      },
    ],
    options,
  );
});

test("fleetctl with fleetd starts a hundred instances at once and takes them away again", async (t) => {
  const { fleet, options } = await open(t);
  const outcome = await runFleetctl(["start", "t@{1..100}"], options);
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.exit, 0);
  assert.equal(outcome.stdout.match(/ launched on /g)?.length, 100);
  const running = () => fleet.systemds.map((systemd) => systemd.running().length);
  assert.deepEqual(
    running().toSorted((a, b) => a - b),
    [33, 33, 34],
  );
  const stopped = await runFleetctl(["stop", "t@{98..100}", "t@9[1-3]*"], options);
  assert.equal(stopped.exit, 0, stopped.stderr);
  const template = await runFleetctl(["submit", "t@.service"], options);
  assert.equal(template.exit, 0, template.stderr);
  const halted = await runFleetctl(["stop", "t@*"], options);
  assert.doesNotMatch(halted.stderr, /t@\.service/); // a template does not run, and no pattern means it
  assert.equal(halted.exit, 0);
  const gone = await runFleetctl(["destroy", "--block-attempts=20", "t@*"], options);
  assert.equal(gone.stderr, "");
  assert.equal(gone.exit, 0);
  assert.deepEqual(running(), [0, 0, 0]);
});
