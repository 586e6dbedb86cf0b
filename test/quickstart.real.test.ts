// The story of the README, on machines of its own: from nothing to a cluster, through the loss of each kind of machine.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type MachineState, machineState, PROGRAM } from "#test/support/keelson.ts";
import type { RunningProgram } from "#test/support/running.ts";

const HOME = dirname(dirname(PROGRAM));
const EXAMPLES = join(HOME, "examples/quickstart");
const LIMIT_MS = 60_000;
const NETWORK = ["--network", "127.0.81"]; // apart from machines that a person may have

/** Runs a line of shell in the quickstart's directory, as a person would who said `eval "$(keelson env)"`. */
function shell(state: MachineState, line: string) {
  return state.keelson([], ["sh", "-c", `cd ${EXAMPLES} && eval "$("$0" env)" && ${line}`]);
}

async function says(state: MachineState, line: string): Promise<string> {
  const { status, stdout, stderr } = await shell(state, line);
  assert.equal(status, 0, `${line} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + LIMIT_MS; !(await holds()); await sleep(200))
    assert.ok(Date.now() < endMs, `not within ${LIMIT_MS} ms: ${what}`);
}

/** `name@address` of every active unit. */
async function active(state: MachineState): Promise<string[]> {
  const table = await says(state, "fleetctl list-units --no-legend");
  return [...table.matchAll(/^(\S+)\s+\S+\/(\S+)\s+active\s/gm)].map(([, u, at]) => `${u}@${at}`);
}

function mainPid(state: MachineState, machine: string, unit: string): Promise<string> {
  const command = ["systemctl", "--user", "show", "--property=MainPID", unit];
  return state.succeed("ssh", machine, "--", ...command);
}

/** `keelson quickstart`, once it says that it waits for Ctrl-C. */
async function startInForeground(state: MachineState): Promise<RunningProgram> {
  const foreground = state.start(["quickstart", ...NETWORK]);
  await foreground.untilSaid("Ctrl-C");
  return foreground;
}

test("the quickstart, and what its README shows", async (t: TestContext) => {
  await using state = await machineState();
  const summary = await state.succeed("quickstart", "--detach", ...NETWORK);

  await t.test("it ends with machines, units, the API and what to try", () => {
    for (const text of [/3 machines as one/, /127\.0\.81\.3\tregion=local,role=worker/, /Try next/])
      assert.match(summary, text);
    assert.match(summary, /controller\.service\t\S+\/127\.0\.81\.2\tactive\trunning/);
  });

  await t.test("the store's commands", async () => {
    assert.equal(await says(state, "etcdctl set /topic coreos"), "coreos\n");
    assert.equal(await says(state, "etcdctl get topic"), "coreos\n");
    await says(state, "etcdctl mkdir /d && etcdctl mk /d/k 1 && etcdctl update /d/k 2");
    assert.match(
      await says(state, "etcdctl ls --recursive --sort"),
      /^\/d\n\/d\/k\n[^]*\/topic\n$/,
    );
    const watched = says(state, "etcdctl watch /d/k");
    await until("the watch ends", async () => {
      await says(state, "etcdctl set /d/k 3");
      return (await Promise.race([watched, sleep(100, "")])) === "3\n";
    });
    assert.equal((await shell(state, "etcdctl mk /topic x")).status, 4);
    await says(state, "etcdctl rm --recursive /d");
    assert.equal((await shell(state, "etcdctl get /d/k")).status, 4);
  });

  await t.test("units live and go by fleetctl", async () => {
    await says(state, "fleetctl start hello@{4..6}.service");
    await until("they run", async () => (await active(state)).length === 8);
    assert.match(await says(state, "fleetctl status hello@4"), /Active: active \(running\)/);
    assert.match(await says(state, "fleetctl journal hello@4"), /hello 4 from core-0/);
    assert.match(await says(state, "fleetctl cat hello@4"), /^ExecStart=/m);
    await says(state, "fleetctl stop hello@4 && fleetctl unload hello@5");
    await says(state, "fleetctl destroy hello@{4..6}.service");
    await until("they are gone", async () => (await active(state)).length === 5);
  });

  await t.test("units are changed in place, and machines taken down for a while", async () => {
    const replaced = await says(
      state,
      "fleetctl start --replace ../updates/hello@{1..3}.service 2>&1",
    );
    assert.match(replaced, /Rollout of hello@\.service done/);
    assert.match(await says(state, "fleetctl history hello@1"), /^2\t.*current.*replaced$/m);
    await says(state, "fleetctl revert hello@1");
    assert.match(await says(state, "fleetctl cat hello@1"), /hello %i from/);
    assert.match(await says(state, "fleetctl explain controller"), /role=worker: machine has/);
    assert.match(await says(state, "fleetctl exec hello@1 -- id"), /^uid=/);
    await says(state, "fleetctl drain core-03");
    assert.ok((await active(state)).every((unit) => !unit.endsWith(".3")));
    await says(state, "fleetctl uncordon core-03 && fleetctl rebalance");
    assert.ok((await active(state)).some((unit) => unit.endsWith(".3")));
    assert.match(await says(state, "fleetctl events"), /moved hello@/);
  });

  await t.test("a restart of the agent touches no unit", async () => {
    const before = await mainPid(state, "core-02", "controller.service");
    await state.succeed("ssh", "core-02", "--", "systemctl", "--user", "restart", "fleet");
    await until("it is back", async () => (await active(state)).length === 5);
    assert.equal(await mainPid(state, "core-02", "controller.service"), before);
  });

  await t.test("a machine that loses its power loses its units to another", async () => {
    await state.succeed("halt", "core-02", "--force");
    await until("the controller moved", async () =>
      (await active(state)).includes("controller.service@127.0.81.3"),
    );
    await state.succeed("up", "core-02");
    await until("the machine is back", async () =>
      (await says(state, "fleetctl list-machines")).includes("127.0.81.2"),
    );
  });

  await t.test("a machine that is halted hands its units over first", async () => {
    await state.succeed("halt", "core-03");
    assert.ok((await active(state)).every((unit) => !unit.endsWith(".3")));
    await until("the controller moved", async () =>
      (await active(state)).includes("controller.service@127.0.81.2"),
    );
    await state.succeed("up");
  });

  await t.test("without the store units run on, and with it all is as before", async () => {
    const before = await mainPid(state, "core-02", "controller.service");
    const placed = await active(state);
    await state.succeed("halt", "core-01", "--force");
    const answer = await shell(state, "fleetctl --request-timeout=2 list-units");
    assert.notEqual(answer.status, 0);
    assert.match(answer.stderr, /store/);
    assert.equal(await mainPid(state, "core-02", "controller.service"), before);
    await state.succeed("up");
    await until("all is as before", async () => (await active(state)).join() === placed.join());
    assert.equal(await says(state, "etcdctl get /topic"), "coreos\n");
    assert.equal(await mainPid(state, "core-02", "controller.service"), before);
  });

  await t.test("run again in the foreground it finds everything, and Ctrl-C halts it", async () => {
    await using foreground = await startInForeground(state);
    foreground.child.kill("SIGINT");
    assert.equal(await foreground.ended(), 0);
    assert.match(await state.succeed("status"), /core-01 +halted[\s\S]*core-03 +halted/);
  });

  await t.test("destroy leaves nothing, and ends what waits in the foreground", async () => {
    await using foreground = await startInForeground(state);
    await state.succeed("destroy");
    assert.equal(await foreground.ended(), 0);
    assert.deepEqual(await state.traces(), []);
    assert.equal(existsSync(state.path), false);
  });
});
