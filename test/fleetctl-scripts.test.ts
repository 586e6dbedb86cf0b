import assert from "node:assert/strict";
import { test } from "node:test";
import { unitHash } from "#unitfile/unit-hash.ts";
import { openBench } from "./fleetctl-bench.ts";
import { runFleetctl } from "./fleetctl-run.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

const [A, B, C] = MACHINES.map(({ id }) => id);
const M1 = "11111111.../172.31.7.11";
const M2 = "22222222.../172.31.7.12";

test("fleetctl --json prints one array for each list and query", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  await runFleetctl(["start", "foo", "glob"], options);
  const json = async (...words: string[]) => {
    const { stdout, stderr, exit } = await runFleetctl(words, options);
    assert.deepEqual([stderr, exit], ["", 0], words.join(" "));
    return JSON.parse(stdout) as Record<string, unknown>[];
  };
  const hash = (name: string) => unitHash(fleet.units.get(name)!.options);
  assert.deepEqual(
    await json("list-machines", "--json"),
    MACHINES.map(({ id, primaryIP, metadata }) => ({
      machine: id,
      ip: primaryIP,
      metadata,
      host: null,
      state: "ready",
    })),
  );
  const running = { load: "loaded", active: "active", sub: "running" };
  const unchecked = { health: null, healthReason: null, waitsFor: null };
  assert.deepEqual(await json("--json", "list-units", "f*"), [
    {
      unit: "foo.service",
      machine: A,
      ip: "172.31.7.11",
      ...running,
      ...unchecked,
      hash: hash("foo.service"),
      result: null,
    },
  ]);
  assert.deepEqual(await json("list-unit-files", "--json", "glob", "foo"), [
    {
      unit: "foo.service",
      hash: hash("foo.service"),
      dstate: "launched",
      state: "launched",
      target: A,
      ip: "172.31.7.11",
      desc: "Foo sleeper",
      global: false,
    },
    {
      unit: "glob.service",
      hash: hash("glob.service"),
      dstate: "launched",
      state: null,
      target: null,
      ip: null,
      desc: "Global sleeper",
      global: true,
    },
  ]);
  assert.deepEqual(await json("list-units", "--json", "nothing*"), []);
  assert.deepEqual(await json("status", "--json", "foo"), [
    {
      unit: "foo.service",
      machine: A,
      status: 0,
      result: null,
      waitsFor: null,
      text: "● foo.service - Foo sleeper\n     Active: active (running)\n",
    },
  ]);
  const [cat] = await json("cat", "--json", "foo");
  assert.deepEqual(cat, {
    unit: "foo.service",
    hash: hash("foo.service"),
    text: UNIT_FILES["foo.service"],
    options: fleet.units.get("foo.service")!.options,
  });
  const [version] = await json("version", "--json");
  assert.match(String(version!["version"]), /^1\.0\.0\+keelson\./);
  const [why] = await json("explain", "--json", "foo");
  const here = { machine: A, ip: "172.31.7.11" };
  assert.deepEqual(why, { ...here, placed: true, fits: true, reason: "fits" });
});

test("fleetctl --json says errors as objects, one a line, with a code", async () => {
  await using bench = await openBench();
  const cases: readonly (readonly [string, number, string | undefined, RegExp])[] = [
    ["cat --json nope", 1, "UNIT_NOT_FOUND", /^Unit nope\.service not found$/],
    ["explain --json nope", 1, "UNIT_NOT_FOUND", /does not exist/],
    ["status --json nope", 1, "UNIT_NOT_FOUND", /does not exist/],
    ["list-units --json --bogus", 2, "USAGE", /--bogus: there is no such flag/],
    ["--json bogus", 2, "USAGE", /Cannot run command "bogus"/],
    ["start --json foo", 2, "USAGE", /--json: there is no such flag here/],
    ["is-active --json", 1, "USAGE", /No units given/],
  ];
  for (const [line, exit, code, message] of cases) {
    const outcome = await runFleetctl(line.split(" "), bench.options);
    assert.equal(outcome.exit, exit, line);
    const { error } = JSON.parse(outcome.stderr);
    assert.equal(error.code, code, line);
    assert.match(error.message, message, line);
  }
  bench.fleet.broken = { status: 503, message: "no store" };
  const lost = await runFleetctl(["list-machines", "--json"], bench.options);
  assert.equal(lost.exit, 1);
  assert.equal(
    lost.stderr,
    '{"error":{"code":"STORE_UNAVAILABLE","message":"Error retrieving list of active machines: googleapi: Error 503: no store"}}\n',
  );
});

test("fleetctl is-active and is-failed say systemd's words and exit as systemctl does", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "foo", "bar", "globmeta"], bench.options);
  await runFleetctl(["start", "fail"], bench.options);
  await runFleetctl(["submit", "meta"], bench.options);
  const missing = "Unit nope.service not found in registry";
  await bench.follow([
    { run: "is-active foo", out: "active" },
    { run: "is-active foo bar globmeta", out: "active\nactive\nactive" },
    { run: "is-active foo meta", out: "active\ninactive", exit: 3 },
    { run: "is-active fail", out: "failed", exit: 3 },
    { run: "is-active foo nope", out: "active", err: missing, exit: 4 },
    { run: "is-active no*", err: "Unit no* not found in registry", exit: 4 },
    { run: "is-active *o*.service", out: "active\nactive" },
    { run: "is-active -q meta", exit: 3 },
    { run: "is-active", err: "No units given", exit: 1 },
    { run: "is-failed foo bar", out: "active\nactive", exit: 3 },
    { run: "is-failed foo fail nope", out: "active\nfailed", err: missing },
    { run: "is-failed nope", err: missing, exit: 4 },
  ]);
  // On one of the two machines that it belongs on it goes down.
  bench.fleet.report(report("globmeta.service", B!, "activating", "start", bench));
  const { stdout, exit } = await runFleetctl(["is-active", "--json", "globmeta"], bench.options);
  assert.equal(exit, 3);
  assert.deepEqual(JSON.parse(stdout), [
    {
      unit: "globmeta.service",
      active: "activating",
      machines: [
        { machine: A, active: "active", sub: "running" },
        { machine: B, active: "activating", sub: "start" },
      ],
    },
  ]);
  bench.fleet.broken = { status: 503, message: "no store" };
  await bench.follow([{ run: "is-failed foo", err: /states of units: no store\. See /, exit: 1 }]);
});

test("fleetctl wait ends when units are there, have failed, or time is over", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "foo", "bar", "glob"], bench.options);
  await runFleetctl(["start", "fail"], bench.options);
  await runFleetctl(["start", "--no-block", "pinbad"], bench.options);
  await runFleetctl(["submit", "meta"], bench.options);
  await bench.follow([
    { run: "wait --for=active foo", out: `Unit foo.service is active on ${M2}` },
    { run: "wait --for active glob", out: "Unit glob.service is active" },
    { run: "wait --for=placed foo glob", out: /is placed on .*\nUnit glob\.service is placed\n$/ },
    { run: "wait --for=launched glob", out: "Unit glob.service is launched" },
    { run: "wait --for=inactive meta", out: "Unit meta.service is inactive" },
    { run: "wait --for=failed fail", out: /^Unit fail\.service is failed on / },
    { run: "wait --for=gone nope no*", out: "Unit nope.service is gone" },
    {
      run: "wait --for=active fail --timeout 9s",
      err: /^Waiting for unit fail\.service: for systemd, which says failed\nError waiting for units: unit fail\.service has failed on \S+; see: fleetctl journal fail\.service\n$/,
      exit: 3,
    },
    {
      run: "wait --for=active foo nope",
      out: /foo/,
      err: "Error waiting for units: unit nope.service does not exist",
      exit: 4,
    },
    {
      run: "wait --for=active --timeout=200ms meta",
      err: "Error waiting for units: timed out waiting for unit meta.service to be active: it waits for somebody to start it: its desired state is inactive",
      exit: 1,
    },
    {
      run: "wait --for=placed --timeout=200ms pinbad",
      err: /^Unit pinbad\.service fits no machine.*\n {2}11111111\S+: needs machine 9{8}0+\n( {2}.*\n){2}Error waiting for units: timed out waiting for unit pinbad\.service to be placed: it has no machine\n$/,
      exit: 1,
    },
    { run: "wait foo", err: /Cannot wait without --for: give --for=STATE/, exit: 2 },
    { run: "wait --for=up foo", err: /Cannot wait for "up": .*active, failed, gone/, exit: 2 },
    { run: "wait --for=gone --timeout=soon foo", err: /--timeout=soon: expected/, exit: 2 },
    { run: "wait --for=gone", err: "No units given", exit: 1 },
  ]);
});

test("fleetctl wait sees what others bring about, and asks less often the longer it takes", async () => {
  await using bench = await openBench();
  const { fleet, options } = bench;
  await runFleetctl(["submit", "foo"], options);
  const waiting = runFleetctl(["wait", "--for=active", "foo"], options);
  setTimeout(() => void runFleetctl(["start", "--no-block", "foo"], options), 1000);
  assert.deepEqual(await waiting, {
    stdout: `Unit foo.service is active on ${M1}\n`,
    stderr: "",
    exit: 0,
  });
  const looks = fleet.requests.filter((line) => line.startsWith("GET /fleet/v1/state")).length;
  assert.ok(looks >= 3 && looks < 20, `${looks} looks in one second`);
  const gone = runFleetctl(["wait", "--for=gone", "--timeout=20s", "foo"], options);
  await runFleetctl(["destroy", "foo"], options);
  assert.equal((await gone).exit, 0);
});

test("fleetctl wait --json says of each unit whether it is there, and what it lacks", async () => {
  await using bench = await openBench();
  await runFleetctl(["start", "--no-block", "foo", "pinbad"], bench.options);
  const { stdout, stderr, exit } = await runFleetctl(
    ["wait", "--json", "--for=active", "--timeout=1s", "foo", "pinbad", "nope"],
    bench.options,
  );
  assert.deepEqual([exit, stderr], [4, ""]);
  const reason = "needs machine 99999999000000000000000000000000";
  assert.deepEqual(JSON.parse(stdout), [
    { unit: "foo.service", for: "active", reached: true, why: null, reasons: [] },
    {
      unit: "nope.service",
      for: "active",
      reached: false,
      why: "does not exist",
      reasons: [],
    },
    {
      unit: "pinbad.service",
      for: "active",
      reached: false,
      why: "has no machine",
      reasons: [A, B, C].map((machine) => ({ machine, fits: false, reason })),
    },
  ]);
});

function report(
  name: string,
  machineID: string,
  systemdActiveState: string,
  systemdSubState: string,
  { fleet }: Awaited<ReturnType<typeof openBench>>,
) {
  const hash = unitHash(fleet.units.get(name)!.options);
  return {
    name,
    hash,
    machineID,
    systemdLoadState: "loaded",
    systemdActiveState,
    systemdSubState,
  };
}
