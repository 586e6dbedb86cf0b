import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { openSystemd } from "#systemd/open-systemd.ts";
import { output } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing, startPrivateSystemd } from "#test/support/private-systemd.ts";
import { parseUnitName } from "#unitfile/core/unit-name.ts";
import { DEFAULT_KEY_PREFIX } from "./core/fleet-keys.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import type { UnitStateName } from "./core/schema.ts";
import { type FleetMachine, openFleetMachine } from "./fleet-machine.ts";
import { httpProbe } from "./machine-probe.ts";
import { openUnitFiles } from "./unit-files.ts";

const LIMIT_MS = 60_000;
const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(120_000);
const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

/** One machine of fleet, in this process, with a real systemd of its own. */
async function startMachine(t: TestContext) {
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  const host = stack.use(await startPrivateSystemd());
  const log = new MemoryLog(new MemoryDisk(), {
    clock: systemClock,
    random: Math.random,
    delayMaxMs: 0,
  });
  const server = stack.use(
    new KeysServer(log, { clock: systemClock, random: Math.random, onFault: () => {} }),
  );
  const files = await openUnitFiles({
    units: join(host.root, "run/fleet/units"),
    dropIns: join(host.runtimeDir, "systemd/user"),
  });
  const machine = stack.use(
    openFleetMachine({
      machine: { id: sampleMachine("a"), publicIp: "", metadata: new Map(), version: "" },
      incarnation: { instance: "a", address: "a" },
      api: undefined,
      keys: new LocalKeys(server),
      probe: httpProbe,
      openSystemd: (limit) => openSystemd({ socketPath: host.socketPath }, limit),
      systemdRun: async () => "1",
      files,
      healthProbe: { check: async () => undefined },
      clock: systemClock,
      random: Math.random,
      logger: openLogger("silent"),
      settings: {
        keyPrefix: DEFAULT_KEY_PREFIX,
        agentTtlMs: 6_000,
        engineIntervalMs: 500,
        disableEngine: false,
      },
    }),
  );
  return { host, machine };
}

async function launch(
  machine: FleetMachine,
  name: string,
  raw: string,
  desired: UnitStateName = "launched",
): Promise<void> {
  const facts = { blobInUse: false, tombstone: false, replaces: false };
  await machine.registry.createJob(parseUnitName(name), raw, desired, facts, signal);
}

/** What the machine reports of the unit, as `list-units` shows it. */
function reported({ feed, machine }: FleetMachine, name: string): string {
  const state = feed.model.states.get(parseUnitName(name))?.get(machine.id);
  return state === undefined ? "" : `${state.loadState} ${state.activeState} ${state.subState}`;
}

async function until(what: () => string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!holds()) {
    assert.ok(performance.now() < endMs, `not in time: ${what()}`);
    await sleep(20);
  }
}

test("units of every type that a user's systemd knows are loaded, started and reported", {
  skip,
}, async (t) => {
  const { host, machine } = await startMachine(t);
  const cases: readonly (readonly [name: string, raw: string, state: string])[] = [
    ["a.service", SLEEP, "active running"],
    ["i@one.service", SLEEP, "active running"],
    [
      "once.service",
      "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n",
      "active exited",
    ],
    [
      "a.socket",
      `[Socket]\nListenStream=${host.root}/a.sock\nService=b.service\n`,
      "active listening",
    ],
    ["a.timer", "[Timer]\nOnActiveSec=3600\nUnit=b.service\n", "active waiting"],
    ["a.path", "[Path]\nPathExists=/nonexistent/file\nUnit=b.service\n", "active waiting"],
    ["a.target", "[Unit]\nDescription=a target\n", "active active"],
    ["a.slice", "[Slice]\nCPUWeight=50\n", "active active"],
    [
      "run-mounted.mount",
      "[Mount]\nWhat=tmpfs\nWhere=/run/mounted\nType=tmpfs\n",
      "active mounted",
    ],
  ];
  // systemd starts no socket without the service that it is for.
  await launch(machine, "b.service", SLEEP, "loaded");
  await until(
    () => "b.service",
    () => reported(machine, "b.service") === "loaded inactive dead",
  );
  for (const [name, raw] of cases) await launch(machine, name, raw);
  for (const [name, , state] of cases)
    await until(
      () => `${name}: ${reported(machine, name)}`,
      () => reported(machine, name) === `loaded ${state}`,
    );
  for (const name of [...cases.map(([each]) => each), "b.service"]) {
    const hash = machine.feed.model.jobs.get(parseUnitName(name))?.hash;
    await machine.registry.destroyJob(parseUnitName(name), hash!, signal);
  }
  await until(
    () => `left: ${machine.agent.units?.names.join(" ")}`,
    () => machine.agent.units?.names.length === 0,
  );
});

test("what a socket, a timer or a target here starts is left running, and stopped when it was launched itself", {
  skip,
}, async (t) => {
  const { host, machine } = await startMachine(t);
  const services = ["s.service", "t.service", "w.service"];
  for (const name of services) await launch(machine, name, SLEEP, "loaded");
  const isLoaded = (name: string) => reported(machine, name) === "loaded inactive dead";
  await until(
    () => "the services are loaded",
    () => services.every(isLoaded),
  );
  const path = `${host.root}/s.sock`;
  await launch(machine, "s.socket", `[Socket]\nListenStream=${path}\n`);
  await launch(machine, "t.timer", "[Timer]\nOnActiveSec=0\nAccuracySec=1ms\n");
  await launch(machine, "w.target", "[Unit]\nWants=w.service\n");
  await until(
    () => reported(machine, "s.socket"),
    () => reported(machine, "s.socket") === "loaded active listening",
  );
  const client = connect(path);
  client.on("error", () => {}); // the socket goes with its machine
  t.after(() => client.destroy());
  const isUp = (name: string) => reported(machine, name) === "loaded active running";
  await until(
    () => `they run: ${services.map((name) => reported(machine, name)).join()}`,
    () => services.every(isUp),
  );
  const pids = () =>
    output("systemctl", ["--user", "show", "--property=MainPID", ...services], host.env);
  const began = await pids();
  // Once another unit is up, the agent has looked at everything since.
  await launch(machine, "other.service", SLEEP);
  await until(
    () => reported(machine, "other.service"),
    () => isUp("other.service"),
  );
  assert.equal(await pids(), began);
  const name = parseUnitName("w.service");
  await machine.registry.setDesired(name, "launched", signal);
  await until(
    () => "it is taken for launched",
    () => machine.agent.units?.get(name)?.launched === true,
  );
  await machine.registry.setDesired(name, "loaded", signal);
  await until(
    () => reported(machine, name),
    () => isLoaded(name),
  );
});

test("a unit with [Install] is enabled while it is loaded here, and only then", {
  skip,
}, async (t) => {
  const { host, machine } = await startMachine(t);
  const wants = join(host.runtimeDir, "systemd/user/basic.target.wants/a.service");
  const alias = join(host.runtimeDir, "systemd/user/other.service");
  const name = parseUnitName("a.service");
  await launch(machine, name, `${SLEEP}[Install]\nWantedBy=basic.target\n`);
  await until(
    () => reported(machine, name),
    () => reported(machine, name) === "loaded active running",
  );
  assert.ok(existsSync(wants));
  const facts = { blobInUse: false, tombstone: false, replaces: true };
  const other = `${SLEEP}[Install]\nAlias=other.service\n`;
  await machine.registry.createJob(name, other, "launched", facts, signal);
  await until(
    () => "the alias",
    () => existsSync(alias) && !existsSync(wants),
  );
  const { hash } = machine.feed.model.jobs.get(name)!;
  await machine.registry.destroyJob(name, hash!, signal);
  await until(
    () => `left: ${machine.agent.units?.names.join(" ")}`,
    () => machine.agent.units?.names.length === 0,
  );
  assert.ok(!existsSync(alias) && !existsSync(wants));
});
