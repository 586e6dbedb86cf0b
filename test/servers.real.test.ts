// Three machines that all hold the store: any one of them may be lost, the one whose etcd leads too.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type MachineState, machineState } from "#test/support/keelson.ts";

const LIMIT_MS = 90_000;
const NETWORK = "127.0.83"; // apart from machines that a person may have
const NAMES = ["core-01", "core-02", "core-03"] as const;

function shell(state: MachineState, line: string) {
  return state.keelson([], ["sh", "-c", `eval "$("$0" env)" && ${line}`]);
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

async function isHealthy(state: MachineState): Promise<boolean> {
  const { stdout } = await shell(state, "etcdctl cluster-health");
  return stdout.endsWith("cluster is healthy\n") && !/unhealthy|unreachable/.test(stdout);
}

/** The machine whose etcd leads. */
async function leader(state: MachineState): Promise<string> {
  const list = await says(state, "etcdctl member list");
  const name = /name=(\S+) .*isLeader=true/.exec(list)?.[1];
  assert.ok(name, list);
  return name;
}

/** Addresses at which the units of the quickstart are active, by unit. */
async function active(state: MachineState): Promise<Map<string, string>> {
  const { stdout } = await shell(state, "fleetctl list-units --no-legend");
  const rows = stdout.matchAll(/^(\S+)\s+\S+\/(\S+)\s+active\s+(?:running|exited)/gm);
  return new Map([...rows].map(([, unit = "", at = ""]) => [unit, at]));
}

function addressOf(name: string): string {
  return `${NETWORK}.${Number(name.slice(-2))}`;
}

test("a cluster of three servers goes on whichever machine is lost", async (t) => {
  await using state = await machineState();
  await state.succeed("quickstart", "--detach", "--servers", "3", "--network", NETWORK);
  const members = await says(state, "etcdctl member list");
  for (const name of NAMES) assert.ok(members.includes(`name=${name} `), members);
  await until("all three are healthy", () => isHealthy(state));
  await says(state, "etcdctl set /kept always");
  const units = (await active(state)).size;
  const first = await leader(state);
  for (const name of [first, ...NAMES.filter((other) => other !== first)])
    await t.test(`the loss of ${name}${name === first ? ", which led" : ""}`, async () => {
      const before = await active(state);
      await state.succeed("halt", name, "--force");
      await until("the store takes writes", async () => {
        const { status } = await shell(state, `etcdctl set /lost ${name}`);
        return status === 0;
      });
      assert.equal(await says(state, "etcdctl get /kept"), "always\n");
      const lost = addressOf(name);
      await until("its units are active elsewhere", async () => {
        const at = await active(state);
        return at.size === units && [...at.values()].every((address) => address !== lost);
      });
      const after = await active(state);
      for (const [unit, address] of before)
        if (address !== lost) assert.equal(after.get(unit), address, `${unit} stays where it is`);
      await state.succeed("up", name);
      await until("it is back among the servers", () => isHealthy(state));
      const url = `http://${lost}:2379`;
      await until("it knows what it missed", async () => {
        const { stdout } = await shell(state, `etcdctl --no-sync --endpoints ${url} get /lost`);
        return stdout === `${name}\n`;
      });
    });
});
