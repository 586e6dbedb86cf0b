import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openFleet } from "#test/fleetctl-fleet.ts";
import { runFleetctl } from "#test/fleetctl-run.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);
const C = "c".repeat(32);

interface Bench {
  readonly run: (line: string) => ReturnType<typeof runFleetctl>;
  readonly start: (name: string, ...fleet: string[]) => Promise<void>;
}

/** A fleet of machines a, b and c, and a directory for unit files. */
async function bench(t: TestContext): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-machines-"));
  t.after(() => rm(directory, { recursive: true }));
  const machines = [A, B, C].map((id, i) => ({ id, primaryIP: `10.0.0.${i + 1}`, metadata: {} }));
  const fleet = await openFleet(directory, machines);
  t.after(() => fleet[Symbol.asyncDispose]());
  const env = { FLEETCTL_ENDPOINT: fleet.endpoint, USER: "alice" };
  const run = (line: string) => runFleetctl(line.split(" "), { cwd: directory, env });
  return {
    run,
    start: async (name, ...lines) => {
      const section = lines.length === 0 ? "" : `[X-Fleet]\n${lines.join("\n")}\n`;
      const text = `[Service]\nExecStart=/bin/sleep infinity\n${section}`;
      await writeFile(join(directory, name), text);
      const { exit, stderr } = await run(`start ${name}`);
      assert.equal(exit, 0, stderr);
    },
  };
}

test("cordon: nothing new is placed there, explain says why, the list shows it, uncordon ends it", async (t) => {
  const { run, start } = await bench(t);
  await start("x.service", `MachineID=${A}`);
  assert.deepEqual(await run("cordon --why=disk 10.0.0.1 bbbb"), {
    stdout: "Machine aaaaaaaa.../10.0.0.1 cordoned\nMachine bbbbbbbb.../10.0.0.2 cordoned\n",
    stderr: "",
    exit: 0,
  });
  const { stdout } = await run("list-machines --no-legend --fields=ip,state");
  assert.deepEqual(
    stdout.trim().split(/\s+/),
    "10.0.0.1 cordoned 10.0.0.2 cordoned 10.0.0.3 ready".split(" "),
  );
  for (const name of ["y.service", "z.service"]) {
    await start(name);
    const shown = await run(`list-units --no-legend --full --fields=machine ${name}`);
    assert.equal(shown.stdout.trim(), `${C}/10.0.0.3`);
  }
  assert.match((await run("explain y")).stdout, /machine is cordoned by alice@\S+: disk/);
  assert.match((await run("list-units --no-legend x")).stdout, /aaaaaaaa.*active/);
  const json = await run("uncordon --json *");
  assert.deepEqual(
    JSON.parse(json.stdout),
    [A, B, C].map((machine, i) => ({ machine, ip: `10.0.0.${i + 1}`, done: true })),
  );
  assert.doesNotMatch((await run("list-machines --fields=state")).stdout, /cordoned/);
});

test("a machine that is none, or could be several, changes nothing", async (t) => {
  const { run } = await bench(t);
  const unknown = await run("cordon aaaa zzz");
  assert.deepEqual([unknown.exit, unknown.stdout], [1, ""]);
  assert.match(unknown.stderr, /Cannot find machine "zzz".*10\.0\.0\.1/);
  assert.doesNotMatch((await run("list-machines --fields=state")).stdout, /cordoned/);
  const without = await run("drain");
  assert.deepEqual([without.exit, without.stdout], [2, ""]);
  assert.match(
    (await run("drain --deadline=soon aaaa")).stderr,
    /--deadline=soon: expected a duration/,
  );
});

test("drain moves units and says where they went; what goes on there makes it exit with 1, until a deadline", async (t) => {
  const { run, start } = await bench(t);
  for (const i of [1, 2, 3, 4, 5, 6]) await start(`u${i}.service`);
  const { stdout: list } = await run("list-units --no-legend --fields=machine");
  const [busiest = ""] = list.split("\n");
  const ip = busiest.split("/")[1]!;
  const count = list.split(busiest).length - 1;
  const { exit, stderr, stdout } = await run(`drain ${ip}`);
  assert.deepEqual([exit, stderr], [0, ""]);
  const lines = stdout.trim().split("\n");
  const moved = /^Unit u\d\.service moved to ([abc])\1{7}\.\.\.\/10\.0\.0\.\d, active$/;
  assert.equal(lines.filter((line) => moved.test(line)).length, count);
  assert.match(lines.at(-1)!, /^Machine \w{8}\.\.\.\/10\.0\.0\.\d drained in \d+\.\d s$/);
  assert.match((await run("list-machines --fields=ip,state")).stdout, /10\S+\s+drained/);
  await run("uncordon *");

  await start("own.service", `MachineID=${A}`);
  await run("unload u*");
  const partly = await run("drain aaaa");
  assert.deepEqual([partly.exit, partly.stdout], [1, ""]);
  assert.match(partly.stderr, /Unit own\.service goes on there: it asks for this machine/);
  const whole = await run("drain --deadline=1s --json aaaa");
  assert.equal(whole.exit, 0, whole.stderr);
  assert.deepEqual(JSON.parse(whole.stdout), [
    { unit: "own.service", to: null, active: false, why: "stopped: it fits no other machine" },
  ]);
  assert.match((await run("list-unit-files --no-legend own")).stdout, /launched\s+inactive/);
  await run("uncordon aaaa");
  assert.equal((await run("wait --for=active --timeout=10s own")).exit, 0);

  await start("everywhere.service", "Global=true");
  await run("wait --for=active --timeout=10s everywhere");
  await run("unload own");
  const globals = await run("drain --deadline=1s aaaa");
  assert.equal(globals.exit, 0, globals.stderr);
  assert.match(
    globals.stdout,
    /^Unit everywhere\.service stopped on a{8}\.{3}\/10\.0\.0\.1: it is global, and the deadline has passed\nMachine a{8}\S+ drained in /,
  );
});

test("drain says machine by machine why a unit waits, and goes on when it fits", async (t) => {
  const { run, start } = await bench(t);
  for (const [i, id] of [A, B].entries()) await start(`w@${i + 1}.service`, `MachineID=${id}`);
  await start("w@3.service", "Conflicts=w@*");
  const drained = run("drain cccc");
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal((await run("destroy w@1.service")).exit, 0);
  const { exit, stderr, stdout } = await drained;
  assert.equal(exit, 0);
  assert.match(
    stderr,
    /^Unit w@3\.service waits for a machine that it fits:\n {2}aaaaaaaa\.\.\.\/10\.0\.0\.1: conflicts with w@1\.service\n {2}bbbbbbbb\.\.\.\/10\.0\.0\.2: conflicts with w@2\.service\n/,
  );
  assert.match(stdout, /^Unit w@3\.service moved to aaaaaaaa/);
});

test("move: the unit runs where it was wanted, and stays; one that does not fit is refused with the reason", async (t) => {
  const { run, start } = await bench(t);
  await start("x.service");
  await run("move x aaaa");
  const moved = await run("move x 10.0.0.2");
  assert.deepEqual([moved.exit, moved.stderr], [0, ""]);
  assert.equal(
    moved.stdout,
    "Unit x.service moves from aaaaaaaa.../10.0.0.1 to bbbbbbbb.../10.0.0.2\nUnit x.service launched on bbbbbbbb.../10.0.0.2\n",
  );
  assert.match((await run("move x bbbb")).stdout, /is on bbbbbbbb\.\.\.\/10\.0\.0\.2 already/);
  await start("y.service", "Conflicts=x.service");
  const [, there = ""] = /(10\.0\.0\.\d)/.exec(
    (await run("list-units --fields=machine y")).stdout,
  )!;
  const refused = await run(`move x ${there}`);
  assert.deepEqual([refused.exit, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /Error moving unit x\.service: .*conflicts with y\.service/);
  assert.match((await run("list-units x")).stdout, /bbbbbbbb.*active/);
  assert.match((await run("move z aaaa")).stderr, /Unit z\.service does not exist/);
  await run("cordon cccc");
  assert.equal((await run("move x cccc")).exit, 1);
  const json = await run("move --force --json x cccc");
  assert.deepEqual(JSON.parse(json.stdout), [{ unit: "x.service", from: B, to: C }]);
});

test("remove: not while a machine is alive and has units", async (t) => {
  const { run } = await bench(t);
  const refused = await run("remove cccc");
  assert.deepEqual([refused.exit, refused.stdout], [1, ""]);
  assert.match(
    refused.stderr,
    /Cannot remove machine cccccccc\S+: .*it is alive \(ready\); drain it first/,
  );
});

test("rebalance: the plan, then the moves, one after another, then nothing to do", async (t) => {
  const { run, start } = await bench(t);
  await run("cordon bbbb cccc");
  for (const i of [1, 2, 3, 4, 5, 6]) await start(`u${i}.service`);
  await run("uncordon *");
  const plan = await run("rebalance --plan");
  assert.equal(plan.stdout.trim().split("\n").length, 1 + 4);
  assert.match(
    plan.stdout,
    /u1\.service\s+aaaaaaaa\S+\s+bbbbbbbb\S+\s+a{8}\.\.\. has 6 units, b{8}\.\.\. 0/,
  );
  assert.match(plan.stderr, /^4 moves; units on a machine: 0 to 6 now, 2 to 2 then\n$/);
  const some = await run("rebalance --max-moves=1");
  assert.deepEqual(
    [some.exit, some.stderr],
    [0, "3 more would follow; rebalance again, or with a higher --max-moves\n"],
  );
  const rest = await run("rebalance --json");
  assert.equal((JSON.parse(rest.stdout) as unknown[]).length, 3);
  assert.deepEqual(await run("rebalance"), {
    stdout: "",
    stderr: "Nothing to do: units are as even as they can be.\n",
    exit: 0,
  });
  const { stdout } = await run("list-units --no-legend --fields=machine,active");
  for (const short of ["aaaaaaaa", "bbbbbbbb", "cccccccc"])
    assert.equal(
      stdout.split("\n").filter((line) => line.startsWith(short) && line.endsWith("active")).length,
      2,
    );
});
