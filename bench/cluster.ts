// The budgets that need a whole cluster, on three machines of the process provider with the bundled programs.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { openFleetClient } from "#fleet/client.ts";
import { median, percentile } from "./support/percentile.ts";
import { cpuMs, residentMb } from "./support/server.ts";

const run = promisify(execFile);
const HOME = new URL("..", import.meta.url).pathname;
const NETWORK = "127.0.90";
const SINGLE_STARTS = 20;
const LOSSES = Number(process.env["BENCH_LOSSES"] ?? 20);
const CLEAN_STOPS = 6;
const IDLE_MS = 20_000;
const TTL_MS = 6_000;
const HEARTBEATS_PER_SECOND = 3 / (6 * 0.32); // three machines, a third of a TTL of 6 s
const LEASE_PER_SECOND = 1 / 1.5; // the leading engine's
const LIMIT_MS = 120_000;

const directory = await mkdtemp("/tmp/keelson-bench-");
const env = {
  ...process.env,
  KEELSON_SOURCE: "",
  KEELSON_STATE: join(directory, "state"),
  FLEETCTL_ENDPOINT: [1, 2, 3].map((n) => `http://${NETWORK}.${n}:49153`).join(","),
};
const fleet = openFleetClient({ endpoints: env.FLEETCTL_ENDPOINT.split(",") });
const signal = AbortSignal.timeout(40 * 60_000);
const rows: Record<string, string>[] = [];
/** Begins what is measured now, for the table. */
let prefix = "";

try {
  await writeFile(join(directory, "one.service"), "[Service]\nExecStart=/bin/sleep infinity\n");
  await writeFile(join(directory, "many@.service"), "[Service]\nExecStart=/bin/sleep infinity\n");
  await writeFile(
    join(directory, "mover.service"),
    "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineMetadata=role=worker\n",
  );
  await up(1);
  await singleStarts();
  await idle("0 units");
  await manyStarts();
  await idle("100 units");
  await memory();
  await fleetctl("destroy", "many@*.service");
  await until("they are gone", async () => (await activeUnits()).length === 0);
  await losses();
  await cleanStops();
  await keelson("destroy");
  prefix = "three servers: ";
  await up(3);
  await singleStarts();
  await idle("0 units");
  await leaderLosses();
} finally {
  await keelson("destroy");
  await rm(directory, { recursive: true });
}
console.table(rows);

async function up(servers: number): Promise<void> {
  const ms = await timed(async () => {
    const counts = ["--machines", "3", "--servers", String(servers)];
    await keelson("up", ...counts, "--network", NETWORK);
    await until("all are listed", async () => (await fleet.listMachines(signal)).length === 3);
  });
  report("keelson up of three machines", [ms], "10 s");
}

async function singleStarts(): Promise<void> {
  const times: number[] = [];
  const activeAfter: number[] = [];
  for (let n = 0; n < SINGLE_STARTS; n += 1) {
    const startMs = performance.timeOrigin + performance.now();
    times.push(await timed(() => fleetctl("start", "one.service")));
    activeAfter.push((await activeSinceMs("one.service")) - startMs);
    await fleetctl("destroy", "one.service");
    await until("it is gone", async () => (await activeUnits()).length === 0);
  }
  report("fleetctl start of one unit, until systemd has it active", activeAfter, "250 ms");
  report("the same, until the command returns", times, "");
}

/** When systemd says the unit became active: wall milliseconds. */
async function activeSinceMs(unit: string): Promise<number> {
  const [state] = await fleet.listStates({ unitName: unit }, signal);
  const machines = await fleet.listMachines(signal);
  const address = machines.find(({ id }) => id === state?.machineID)?.primaryIP ?? "";
  const show = ["systemctl", "--user", "show", "--timestamp=us", "--property=ActiveEnterTimestamp"];
  const { stdout } = await keelson("ssh", machineAt(address), "--", ...show, "--value", unit);
  return Date.parse(
    stdout
      .trim()
      .replace(/^\w+ /, "")
      .replace(/(\.\d{3})\d*/, "$1"),
  );
}

function machineAt(address: string): string {
  return `core-0${address.split(".")[3]}`;
}

async function manyStarts(): Promise<void> {
  const ms = await timed(async () => {
    await fleetctl("start", "many@{1..100}.service");
    await until("all are active", async () => (await activeUnits()).length === 100);
  });
  report("100 instances of a template", [ms], "3 s");
}

/** The log's entries, and the daemons' processor time, while nothing happens. */
async function idle(state: string): Promise<void> {
  await sleep(5_000); // states that still change are no idle cluster
  const daemons = await Promise.all([1, 2, 3].map((n) => mainPid(n, "fleet.service")));
  const store = await mainPid(1, "etcd2.service");
  const before = { entries: await entries(), fleetd: daemons.map(cpuMs), store: cpuMs(store) };
  await sleep(IDLE_MS);
  const rate = ((await entries()) - before.entries) / (IDLE_MS / 1000);
  rows.push({
    what: `${prefix}writes a second, idle with ${state}`,
    measured: rate.toFixed(2),
    budget: `${HEARTBEATS_PER_SECOND.toFixed(2)} heartbeats + ${LEASE_PER_SECOND.toFixed(2)} lease`,
  });
  const share = (ms: number) => `${((100 * ms) / IDLE_MS).toFixed(1)} %`;
  const fleetd = daemons.map((pid, i) => share(cpuMs(pid) - before.fleetd[i]!));
  rows.push({
    what: `${prefix}processor time, idle with ${state}: fleetd by machine; store`,
    measured: `${fleetd.join(", ")}; ${share(cpuMs(store) - before.store)} of a core`,
    budget: "",
  });
}

async function mainPid(n: number, unit: string): Promise<number> {
  const show = ["systemctl", "--user", "show", "--property=MainPID", "--value", unit];
  const { stdout } = await keelson("ssh", `core-0${n}`, "--", ...show);
  return Number(stdout.trim());
}

async function memory(): Promise<void> {
  const daemons = await Promise.all([1, 2, 3].map((n) => mainPid(n, "fleet.service")));
  const sizes = daemons.map(residentMb);
  rows.push({
    what: "fleetd's memory with 100 units, by machine",
    measured: sizes.map((mb) => `${mb.toFixed(0)} MB`).join(", "),
    budget: "90 MB",
  });
}

async function losses(): Promise<void> {
  const times: number[] = [];
  await fleetctl("start", "mover.service");
  for (let n = 0; n < LOSSES; n += 1) {
    const at = await moverAddress();
    const name = machineAt(at);
    times.push(
      await timed(async () => {
        await keelson("halt", name, "--force");
        await until("it moved", async () => (await moverAddress(at)) !== "");
      }),
    );
    await back(name);
  }
  report("abrupt loss until active elsewhere", times, "10 s p99");
}

/** The machine whose etcd leads loses its power; of three units each machine has one. */
async function leaderLosses(): Promise<void> {
  const times: number[] = [];
  const spread = ["spread@1.service", "spread@2.service", "spread@3.service"];
  await writeFile(
    join(directory, "spread@.service"),
    "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nConflicts=spread@*.service\n",
  );
  for (let n = 0; n < LOSSES; n += 1) {
    await fleetctl("start", ...spread);
    await until("all are active", async () => (await activeUnits()).length === spread.length);
    const { stdout } = await etcdctl("member", "list");
    const name = /name=(\S+) .*isLeader=true/.exec(stdout)?.[1] ?? "";
    const machines = await fleet.listMachines(signal);
    const address = `${NETWORK}.${name.slice(-1)}`;
    const lost = machines.find(({ primaryIP }) => primaryIP === address)?.id;
    const states = await fleet.listStates({}, signal);
    const unit = states.find(({ machineID }) => machineID === lost)?.name ?? "";
    const other = spread.find((candidate) => candidate !== unit) ?? "";
    await fleetctl("destroy", other);
    times.push(
      await timed(async () => {
        await keelson("halt", name, "--force");
        await until("it moved", async () =>
          (await fleet.listStates({ unitName: unit }, signal)).some(
            (state) => state.machineID !== lost && state.systemdActiveState === "active",
          ),
        );
      }),
    );
    await back(name);
    await fleetctl("destroy", ...spread.filter((candidate) => candidate !== other));
    await until("they are gone", async () => (await activeUnits()).length === 0);
  }
  report("abrupt loss of the machine that leads the store", times, "10 s p99");
}

async function cleanStops(): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < CLEAN_STOPS; n += 1) {
    const at = await moverAddress();
    const name = machineAt(at);
    const halted = keelson("halt", name);
    times.push(await timed(() => until("it moved", async () => (await moverAddress(at)) !== "")));
    await halted;
    await back(name);
  }
  report("clean stop until active elsewhere", times, "2 s");
}

/** Two of three machines lost within a time to live would be held as one trouble: so long is waited. */
async function back(name: string): Promise<void> {
  await keelson("up", name);
  await until("it is back", async () => (await fleet.listMachines(signal)).length === 3);
  await sleep(TTL_MS);
}

/** Where the mover is active, other than `not`; empty when nowhere. */
async function moverAddress(not = ""): Promise<string> {
  const [machines, states] = await Promise.all([
    fleet.listMachines(signal),
    fleet.listStates({ unitName: "mover.service" }, signal),
  ]);
  for (const { machineID, systemdActiveState } of states) {
    const address = machines.find(({ id }) => id === machineID)?.primaryIP ?? "";
    if (systemdActiveState === "active" && address !== not) return address;
  }
  return "";
}

async function activeUnits(): Promise<string[]> {
  const states = await fleet.listStates({}, signal);
  return states.filter((s) => s.systemdActiveState === "active").map((s) => s.name);
}

async function entries(): Promise<number> {
  const answer = await fetch(`http://${NETWORK}.1:2379/v2/keys/`);
  return Number(answer.headers.get("x-raft-index"));
}

function keelson(...args: string[]) {
  return run(join(HOME, "bin/keelson"), args, { env });
}

function etcdctl(...args: string[]) {
  const endpoints = [1, 2, 3].map((n) => `http://${NETWORK}.${n}:2379`).join(",");
  return run(join(HOME, "bin/etcdctl"), ["--endpoints", endpoints, ...args], { env });
}

function fleetctl(...args: string[]) {
  return run(join(HOME, "bin/fleetctl"), args, { env, cwd: directory });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await sleep(20);
  }
}

function report(what: string, timesMs: readonly number[], budget: string): void {
  const [middle, most, worst] = [
    median(timesMs),
    percentile(timesMs, 95),
    Math.max(...timesMs),
  ].map((ms) => Math.round(ms));
  const measured =
    timesMs.length === 1
      ? `${middle} ms`
      : `median ${middle} ms, p95 ${most} ms, worst ${worst} ms (n=${timesMs.length})`;
  rows.push({ what: prefix + what, measured, budget });
}
