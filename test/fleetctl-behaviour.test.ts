import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ShutdownRequested } from "#base/shutdown.ts";
import { FakeFleet } from "./fleetctl-api.ts";
import { openBench } from "./fleetctl-bench.ts";
import { follow, runFleetctl } from "./fleetctl-run.ts";
import { MACHINES } from "./fleetctl-units.ts";

const M1 = "11111111.../172.31.7.11";
const FOO_V2 = "[Unit]\nDescription=Foo sleeper v2\n\n[Service]\nExecStart=/bin/sleep infinity\n";

test("fleetctl --replace replaces what the command may, and refuses the rest", async () => {
  await using bench = await openBench();
  const { options } = bench;
  await runFleetctl(["start", "foo"], options);
  await writeFile(join(options.cwd, "foo.service"), FOO_V2);
  const difference = [
    "--- foo.service (in the cluster)",
    "+++ foo.service (here)",
    "@@ -1,5 +1,5 @@",
    " [Unit]",
    "-Description=Foo sleeper",
    "+Description=Foo sleeper v2",
    " ",
    " [Service]",
    " ExecStart=/bin/sleep infinity",
  ].join("\n");
  const differs = `WARNING: Unit foo.service in registry differs from local unit file foo.service. Add --replace to override.\n${difference}`;
  const refused = `${difference}\nWarning: can not replace Unit(foo.service) in state 'launched', use the appropriate command`;
  await bench.follow([
    { run: "start foo", err: differs },
    { run: "submit foo", err: differs },
    { run: "submit --replace foo", err: refused, exit: 1 },
    // The original stopped the unit after this warning.
    { run: "load --replace foo", err: refused, exit: 1 },
    { run: "list-units --no-legend --fields=active foo", out: "active" },
    {
      run: "start --replace foo",
      out: `Unit foo.service inactive\nUnit foo.service launched on ${M1}`,
      err: difference,
    },
    { run: "start --replace foo", out: "Found same Unit(foo.service) in Registry, nothing to do" },
    { run: "load --replace foo", out: "Found same Unit(foo.service) in Registry, nothing to do" },
    { run: "submit --replace foo", out: "Found same Unit(foo.service) in Registry, nothing to do" },
    { run: "list-units --no-legend --fields=active foo", out: "active" },
    { run: "cat foo", out: FOO_V2 },
    {
      run: "list-unit-files --no-legend --fields=hash,state",
      out: "846268c\tlaunched",
    },
    { run: "submit --replace bar", out: "Unit bar.service inactive" },
    {
      run: "submit --replace elsewhere/bar",
      err: /unable to find Unit\(bar\.service\) on filesystem to replace/,
      exit: 1,
    },
  ]);
});

test("fleetctl says that a directory is no unit file", async () => {
  await using bench = await openBench();
  await mkdir(join(bench.options.cwd, "units.service"));
  await bench.follow([
    {
      run: "submit units.service",
      err: "Error creating units: failed getting Unit(units.service) from file: Cannot read unit file units.service: it is a directory; name the unit files in it",
      exit: 1,
    },
    {
      run: "submit ./elsewhere/",
      err: "Error creating units: unable to find Unit(elsewhere.service) in Registry or on filesystem\nCannot read unit file ./elsewhere/: it is a directory; name the unit files in it",
      exit: 1,
    },
  ]);
});

test("fleetctl warns when an instance, or its template, differs from the files here", async () => {
  await using bench = await openBench();
  const { options } = bench;
  await runFleetctl(["submit", "t@.service", "t@1"], options);
  await writeFile(join(options.cwd, "t@.service"), FOO_V2);
  await bench.follow([
    {
      run: "submit t@1",
      err: new RegExp(
        `^WARNING: Unit t@1.service in registry differs from local template unit file t@.service. Add --replace to override.\\n--- t@1\\.service \\(in the cluster\\)\\n\\+\\+\\+ t@\\.service \\(here\\)\\n@@ [^]*\\n\\+ExecStart=/bin/sleep infinity\\n$`,
      ),
    },
    {
      run: "submit t@2",
      out: "Unit t@2.service inactive",
      err: "WARNING: Unit t@.service in registry differs from local template unit file t@.service; t@2.service is made from the one in the registry.",
    },
  ]);
});

test("fleetctl status and journal print what the machines say", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "foo", "bar", "glob"], bench.options);
  const status = (name: string, text: string) =>
    `● ${name}.service - ${text}\n     Active: active (running)\n`;
  await bench.follow([
    { run: "status foo", out: status("foo", "Foo sleeper") },
    {
      run: "status foo.service bar",
      out: `${status("foo", "Foo sleeper")}\n${status("bar", "Bar sleeper")}`,
    },
    {
      run: "status --sudo --ssh-port=2222 nonexist foo",
      out: /foo/,
      err: /Unit nonexist\.service does not exist/,
      exit: 1,
    },
    // The original could not do this for global units.
    {
      run: "status glob",
      out: ["11111111.../172.31.7.11", "22222222.../172.31.7.12", "33333333.../172.31.7.13"]
        .map((machine) => `${machine}:\n${status("glob", "Global sleeper")}`)
        .join("\n"),
    },
    {
      run: "journal --lines 2 foo",
      out: "short line 2 of foo.service\nshort line 3 of foo.service",
    },
    { run: "journal -n=1 --output=json --sudo foo", out: "json line 3 of foo.service" },
    {
      run: "journal --lines=1 glob",
      out: ["11111111.../172.31.7.11", "22222222.../172.31.7.12", "33333333.../172.31.7.13"]
        .map((machine) => `${machine} | short-unix line 3 of glob.service\n`)
        .join(""),
    },
  ]);
});

test("fleetctl journal -f goes on until it is told to end", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "foo"], bench.options);
  for (const flag of ["-f", "--follow", "-follow"]) {
    const controller = new AbortController();
    const outcome = await runFleetctl(["journal", flag, "foo"], {
      ...bench.options,
      signal: controller.signal,
      onOutput: ({ stdout }) => {
        if (stdout.includes("line 3")) controller.abort(new ShutdownRequested("SIGINT"));
      },
    });
    assert.equal(outcome.exit, 130);
    assert.equal(outcome.stderr, "");
  }
});

test("fleetctl says which endpoint it could not use, why, and what to do", async () => {
  await using bench = await openBench();
  const { cwd, env } = bench.options;
  const at = (endpoint: string) => runFleetctl(["--endpoint", endpoint, "list-units"], { cwd });
  const missing = await at("unix:///nonexistent.sock");
  assert.match(
    missing.stderr,
    /^Error retrieving list of units from repository: Cannot reach fleet: .*unix:\/\/\/nonexistent\.sock \(connect ENOENT .*is fleetd running there\?\n$/,
  );
  assert.equal(missing.exit, 1);
  assert.match(
    (await at("http://127.0.0.1:1")).stderr,
    /http:\/\/127\.0\.0\.1:1 \(connect ECONNREFUSED/,
  );
  assert.match(
    (await at("foo")).stderr,
    /Unable to initialize client: URL scheme undefined; use unix:/,
  );
  assert.match(
    (await at("unix://var/run/fleet.sock")).stderr,
    /Unable to initialize client: unable to connect to host "var" with scheme "unix"; use unix:/,
  );
  assert.match((await at("ftp://h")).stderr, /scheme "ftp" is not supported/);
  assert.match((await at("http://h:1/path")).stderr, /an endpoint has no path/);
  assert.equal((await at("foo")).exit, 2);
  const failedOver = await at(`unix:///nonexistent.sock,${env["FLEETCTL_ENDPOINT"]}`);
  assert.deepEqual(failedOver, { stdout: "UNIT\tMACHINE\tACTIVE\tSUB\n", stderr: "", exit: 0 });

  const refused = async (...words: string[]) =>
    (await runFleetctl([...words, "list-units"], { cwd })).stderr;
  assert.match(
    await refused("--driver=bogus"),
    /Unable to initialize client: unrecognized driver "bogus"/,
  );
  assert.match(
    await refused("--driver=etcd", "--endpoint=foo"),
    /Unable to initialize client: "foo" is no endpoint of etcd's/,
  );
  assert.match(
    await refused("--tunnel=-oProxyCommand=x"),
    /Cannot use --tunnel=-oProxyCommand=x: expected \[USER@\]HOST\[:PORT\]/,
  );
  assert.match(
    await refused("--request-timeout=0"),
    /Cannot use --request-timeout=0: expected seconds/,
  );
  // Also where the command itself says what it could not do.
  for (const flag of ["--driver=bogus", "--endpoint=foo"]) {
    const listed = await runFleetctl([flag, "list-machines"], { cwd });
    assert.match(listed.stderr, /^fleetctl: Unable to initialize client: /);
    assert.equal(listed.exit, 2);
  }
  const verify = await runFleetctl(["verify", "foo"], { cwd });
  assert.equal(
    verify.stderr,
    'Command "verify" is deprecated, DEPRECATED - No longer works\nWARNING: The signed/verified units feature is DEPRECATED and cannot be used.\n',
  );
  assert.equal(verify.exit, 2);
});

test("fleetctl finds the fleetd of its machine's root directory", async () => {
  await using bench = await openBench();
  const root = join(bench.options.cwd, "root");
  await mkdir(join(root, "run"), { recursive: true });
  await using fleet = new FakeFleet(MACHINES);
  await fleet.listen(join(root, "run/fleet.sock"));
  const options = { cwd: bench.options.cwd, env: { KEELSON_ROOT: root } };
  await follow([{ run: "list-units --no-legend" }], options);
  assert.deepEqual(fleet.requests.toSorted(), [
    "GET /fleet/v1/machines?limit=5000",
    "GET /fleet/v1/state?limit=5000",
  ]);
});

test("fleetctl passes on what the API refuses, and keeps waiting while it has lost its store", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  fleet.broken = { status: 503, message: "fleet server unable to communicate with etcd" };
  await bench.follow([
    {
      run: "list-unit-files",
      err: "Error retrieving list of units from repository: googleapi: Error 503: fleet server unable to communicate with etcd",
      exit: 1,
    },
    {
      run: "stop foo",
      err: "googleapi: Error 503: fleet server unable to communicate with etcd",
      exit: 1,
    },
    { run: "start foo", err: /^Error creating units: googleapi: Error 503: /, exit: 1 },
  ]);
  fleet.broken = undefined;
  const outcome = await runFleetctl(["start", "foo"], {
    ...options,
    onOutput: ({ stdout, stderr }) => {
      const lost = { status: 503, message: "lost" };
      fleet.broken = stdout.includes("inactive") && !stderr.includes("lost") ? lost : undefined;
    },
  });
  assert.equal(outcome.stderr, "Waiting for the fleet API: googleapi: Error 503: lost\n");
  assert.match(outcome.stdout, /Unit foo\.service launched on 11111111/);
  assert.equal(outcome.exit, 0);
});

test("commands that the original has not say in Keelson's words that the store is away", async () => {
  await using bench = await openBench();
  const { fleet } = bench;
  const since = "the store has not been followed since 2026-11-21T21:56:06.751Z: no answer";
  const message = `fleet server unable to communicate with etcd: ${since}`;
  const advice =
    "See which of its servers is down (etcdctl cluster-health), and run this again when it is back";
  fleet.broken = { status: 503, message };
  await bench.follow([
    { run: "drain 1111", err: `Cannot drain 1111: ${since}. ${advice}`, exit: 1 },
    { run: "explain foo", err: `Error explaining unit foo.service: ${since}. ${advice}`, exit: 1 },
    { run: "unload foo", err: `googleapi: Error 503: ${message}`, exit: 1 },
  ]);
});

test("what could not be stopped is not said to have been stopped, or changed by somebody", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  await runFleetctl(["start", "foo"], options);
  fleet.refuseWrites = { status: 503, message: "lost" };
  await bench.follow([
    {
      run: "stop foo",
      err: "Error setting units to loaded: googleapi: Error 503: lost",
      exit: 1,
    },
  ]);
});

test("status of a template keeps the original's words, and names its instances", async () => {
  await using bench = await openBench();
  await runFleetctl(["submit", "t@.service"], bench.options);
  const head = "Unit t@.service does not appear to be loaded.";
  const what = "t@.service is a template: it runs as its instances only";
  await bench.follow([
    {
      run: "status t@",
      err: `${head}\n${what}, and has none; fleetctl start t@1.service makes one`,
      exit: 1,
    },
    { run: "submit t@2", out: "Unit t@2.service inactive" },
    { run: "start t@1", out: /launched on 11111111/ },
    {
      run: "status t@",
      err: `${head}\n${what}:\n  t@1.service, launched, on 11111111.../172.31.7.11\n  t@2.service, inactive, nowhere`,
      exit: 1,
    },
  ]);
});

test("status of a pattern is about what runs, and words of other tools are answered", async () => {
  await using bench = await openBench();
  await runFleetctl(["submit", "t@.service"], bench.options);
  await runFleetctl(["start", "t@1"], bench.options);
  await bench.follow([
    { run: "status t@*", out: /^● t@1\.service[^]*$/ },
    { run: "logs t@1", err: /"logs": fleetctl has for that journal; fleetctl help/, exit: 2 },
    { run: "rollback t@1", err: /fleetctl has for that revert;/, exit: 2 },
    { run: "exec nosuch id", err: "Unit nosuch.service does not exist.", exit: 1 },
    { run: "trigger nosuch", err: "Unit nosuch.service does not exist.", exit: 1 },
  ]);
});

test("fleetctl lists and starts more units than a page holds", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  const outcome = await runFleetctl(["start", "t@{1..120}"], options);
  assert.equal(outcome.stderr, "");
  assert.equal(outcome.exit, 0);
  const lines = outcome.stdout.trimEnd().split("\n");
  assert.equal(lines.filter((line) => line.endsWith(" inactive")).length, 120);
  assert.equal(lines.filter((line) => line.includes(" launched on ")).length, 120);
  assert.ok(fleet.requests.includes("GET /fleet/v1/units?nextPageToken=ZAACAA"));
  const listed = await runFleetctl(["list-units", "--no-legend", "t@*"], options);
  assert.equal(listed.stdout.trimEnd().split("\n").length, 120);
});

test("fleetctl names what it has when a command or flag is unknown", async () => {
  await using bench = await openBench();
  await bench.follow([
    {
      run: "frobnicate foo",
      err: /^fleetctl: Cannot run command "frobnicate": fleetctl has help, cat, completion, .*version, wait\n$/,
      exit: 2,
    },
    { run: "list-unins", err: /did you mean list-units\?\n$/, exit: 2 },
    { run: "list-unit", err: /it could be list-unit-files or list-units\n$/, exit: 2 },
    {
      run: "list-units --bogus",
      err: /Cannot use flag --bogus: there is no such flag here/,
      exit: 2,
    },
    // etcdctl's is called so.
    {
      run: "--endpoints http://127.0.0.1:1 list-units",
      err: "fleetctl: Cannot use flag --endpoints: there is no such flag here; did you mean --endpoint?",
      exit: 2,
    },
    {
      run: "--endpoint list-units",
      err: 'fleetctl: Cannot run a command: none is given, for "list-units" is the value of --endpoint here; write --endpoint=VALUE list-units',
      exit: 2,
    },
    { run: "--debug", err: /none is given; fleetctl help lists them\n$/, exit: 2 },
    { run: "--no-legend --fields unit list-units" },
    { run: "start --block-attempts=-1 foo", err: /Cannot use --block-attempts below 0/, exit: 2 },
    { run: "help bogus", err: /Cannot run command "bogus"/, exit: 2 },
  ]);
});

test("fleetctl prints help and version without a fleet", async () => {
  const options = { cwd: "/", env: { FLEETCTL_ENDPOINT: "unix:///nonexistent.sock" } };
  const version = /^fleetctl version 1\.0\.0\+keelson\.\d+\.\d+\.\d+\n$/;
  await follow(
    [
      { run: "version", out: version },
      { run: "--version", out: version },
      { run: "-v", out: version },
      { run: "list-units --version", out: version },
      { run: "", out: /^NAME:\n\tfleetctl - .*\n\nUSAGE:\n[^]*COMMANDS:\n\tcat {14}Print/ },
      { run: "help", out: /COMMANDS:/ },
      { run: "--help", out: /COMMANDS:/ },
      {
        run: "help start",
        out: /^NAME:\n\tstart - [^]*OPTIONS:\n {2}--block-attempts=INT [^]*GLOBAL OPTIONS:/,
      },
      { run: "start -h foo", out: /^NAME:\n\tstart - / },
    ],
    options,
  );
});

test("fleetctl --debug tells of each request on stderr", async () => {
  await using bench = await openBench();
  await bench.follow([
    {
      run: "--debug list-machines --no-legend --fields=ip",
      out: /172/,
      err: /^DEBUG list machines: \d+\.\d ms\n$/,
    },
  ]);
});
