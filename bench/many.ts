// 10,000 units on 1000 machines with the daemons as they are: one store, one fleetd that leads, and machines that only
// pretend: they have records, and report a unit active as soon as it is placed on them.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "#base/clock.ts";
import { openFleetClient } from "#fleet/client.ts";
import { ClusterModel } from "#fleet/core/cluster-model.ts";
import { DEFAULT_KEY_PREFIX, FleetKeys } from "#fleet/core/fleet-keys.ts";
import type { MachineId } from "#fleet/core/machine-id.ts";
import { writeMachine } from "#fleet/core/records.ts";
import { inParallel } from "#fleet/in-parallel.ts";
import { Registry } from "#fleet/registry.ts";
import { openKeysClient } from "#keys/client.ts";
import { openMirror } from "#keys/mirror.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { startKeelsonEtcd2 } from "./support/keelson-etcd2.ts";
import { median, percentile } from "./support/percentile.ts";
import { cpuMs, residentMb } from "./support/server.ts";

const run = promisify(execFile);
const HOME = new URL("..", import.meta.url).pathname;
const MACHINES = 1_000;
const UNITS = 10_000;
const MORE = 20;
const LISTS = 5;
const WRITES_AT_ONCE = 64;
const IDLE_MS = 20_000;
const LIMIT_MS = 300_000;
const FOREVER_SECONDS = 24 * 3600;
const RAW = "[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\nMachineMetadata=role=pretended\n";

const signal = AbortSignal.timeout(20 * 60_000);
const rows: { what: string; measured: string; budget: string }[] = [];
await using stack = new AsyncDisposableStack();
const directory = await mkdtemp("/tmp/keelson-bench-");
stack.defer(() => rm(directory, { recursive: true, maxRetries: 5 }));
const store = stack.use(await startKeelsonEtcd2(join(directory, "store")));
const keys = stack.use(
  openKeysClient({
    endpoints: [store.clientUrl],
    requestTimeoutMs: 30_000,
    connectTimeoutMs: 5_000,
  }),
);
const at = new FleetKeys(DEFAULT_KEY_PREFIX);
const registry = new Registry(keys, at);
const socket = join(directory, "fleet.sock");
const fleet = openFleetClient({ endpoints: [`unix://${socket}`] });
const env = { ...process.env, KEELSON_SOURCE: "", FLEETCTL_ENDPOINT: `unix://${socket}` };

const placed = new Set<string>();
const launched = new Set<string>();
await addMachines();
await submitAll();
const fleetd = await startFleetd();
pretend();
await placeAll();
await oneMore();
await list();
await idle();
console.table(rows);

async function addMachines(): Promise<void> {
  const ids = Array.from({ length: MACHINES }, (_, i) => machineId(i));
  await inParallel(ids, WRITES_AT_ONCE, async (id) => {
    const record = {
      id,
      publicIp: "",
      metadata: new Map([["role", "pretended"]]),
      version: "1.0.0",
    };
    const how = { ttlSeconds: FOREVER_SECONDS, over: undefined };
    await registry.register(id, writeMachine(record, true), how, signal);
  });
}

/** All units are wanted before there is an engine, so that it has them all to place at once. */
async function submitAll(): Promise<void> {
  const names = Array.from({ length: UNITS }, (_, i) => `many@${i}.service` as UnitName);
  let isFirst = true;
  await inParallel(names, WRITES_AT_ONCE, async (name) => {
    const known = { blobInUse: !isFirst, tombstone: false, replaces: false };
    isFirst = false;
    await registry.createJob(name, RAW, "launched", known, signal);
  });
}

function machineId(i: number): MachineId {
  return i.toString(16).padStart(32, "0") as MachineId;
}

async function startFleetd(): Promise<number> {
  const root = join(directory, "root");
  await mkdir(join(root, "etc"), { recursive: true });
  await mkdir(join(root, "run"));
  await writeFile(join(root, "etc/machine-id"), `${"f".repeat(32)}\n`);
  const settings = [`--etcd_servers=${store.clientUrl}`, `--api_listen=unix://${socket}`];
  const child = spawn(join(HOME, "bin/keelson"), ["fleetd", ...settings], {
    // Without a systemd: this machine only decides, and runs nothing.
    env: { ...env, KEELSON_ROOT: root, XDG_RUNTIME_DIR: join(root, "run") },
    stdio: ["ignore", "ignore", process.env["BENCH_VERBOSE"] ? "inherit" : "ignore"],
  });
  const ended = once(child, "exit");
  stack.defer(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  return child.pid ?? 0;
}

/** Reports each unit active on the machine it was placed on. */
function pretend(): void {
  const end = new AbortController();
  const mirror = openMirror(keys, `${at.prefix}/job`, { clock: systemClock, random: Math.random });
  const waiting: { unit: UnitName; machine: MachineId }[] = [];
  const working = new Set<Promise<void>>();
  const follow = async () => {
    for await (const batch of mirror.changes(end.signal))
      for (const { key, after } of batch) {
        const parsed = at.parse(key);
        if (parsed.kind !== "job" || parsed.part !== "target" || after === undefined) continue;
        placed.add(parsed.unit);
        waiting.push({ unit: parsed.unit, machine: after.value as MachineId });
        for (let i = working.size; i < WRITES_AT_ONCE && i < waiting.length; i += 1) {
          const work = report().finally(() => working.delete(work));
          working.add(work);
        }
      }
  };
  const report = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { unit, machine } = next;
      const hash = "0".repeat(40);
      const states = { loadState: "loaded", activeState: "active", subState: "running" };
      await registry.writeState(unit, { ...states, machine, hash }, signal);
      await registry.writeLaunched(unit, machine, signal);
      launched.add(unit);
    }
  };
  const following = follow().catch((error: unknown) => {
    if (!end.signal.aborted) throw error;
  });
  stack.defer(async () => {
    end.abort();
    await following;
    await Promise.all(working);
    await mirror[Symbol.asyncDispose]();
  });
}

async function placeAll(): Promise<void> {
  const startMs = performance.now();
  await until("the first is placed", () => placed.size > 0);
  const firstMs = performance.now();
  await until("all are placed", () => placed.size === UNITS);
  const allMs = performance.now() - firstMs;
  await until("all are reported", () => launched.size === UNITS);
  const { result, ms } = await measureSchedule();
  rows.push({ what: "deciding on all (pure, same cluster)", measured: `${ms} ms`, budget: "1 s" });
  if (result !== UNITS) throw new Error(`${result} of ${UNITS} units could be placed`);
  rows.push({
    what: "fleetd's start until its first placement is in the store",
    measured: `${Math.round(firstMs - startMs)} ms`,
    budget: "",
  });
  rows.push({
    what: "from there until all are in the store",
    measured: `${Math.round(allMs)} ms`,
    budget: "",
  });
}

async function measureSchedule(): Promise<{ result: number; ms: number }> {
  const { schedule } = await import("#fleet/core/schedule.ts");
  const mirror = openMirror(keys, at.prefix, { clock: systemClock, random: Math.random });
  await mirror.whenFollowing(signal);
  const model = new ClusterModel(at);
  for (const { key, value, modifiedIndex } of mirror.entries())
    if (!key.endsWith("/target"))
      model.apply({ key, after: { value, modifiedIndex }, by: undefined });
  await mirror[Symbol.asyncDispose]();
  const startMs = performance.now();
  const decisions = schedule(model, new Map(), "all");
  const ms = Math.round(performance.now() - startMs);
  return { result: decisions.filter(({ kind }) => kind === "place").length, ms };
}

async function oneMore(): Promise<void> {
  const timesMs: number[] = [];
  const options = RAW.split("\n").flatMap((line) => {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    const section = name === "ExecStart" ? "Service" : "X-Fleet";
    return name === undefined ? [] : [{ section, name, value: value ?? "" }];
  });
  for (let i = 0; i < MORE; i += 1) {
    const name = `more@${i}.service`;
    const startMs = performance.now();
    await fleet.setUnit({ name, options, desiredState: "launched" }, signal);
    await until(`${name} is placed`, () => placed.has(name));
    timesMs.push(performance.now() - startMs);
  }
  rows.push({
    what: "one more, from the request until it is placed in the store",
    measured: `median ${Math.round(median(timesMs))} ms, p95 ${Math.round(percentile(timesMs, 95))} ms`,
    budget: "",
  });
}

async function list(): Promise<void> {
  await until("all are reported", () => launched.size === UNITS + MORE);
  const commands = ["list-units", "list-unit-files", "list-machines"];
  for (const command of commands) {
    const timesMs: number[] = [];
    let lines = 0;
    for (let i = 0; i < LISTS; i += 1) {
      const startMs = performance.now();
      const { stdout } = await run(join(HOME, "bin/fleetctl"), [command, "--no-legend"], {
        env,
        maxBuffer: 2 ** 28,
      });
      timesMs.push(performance.now() - startMs);
      lines = stdout.trimEnd().split("\n").length;
    }
    rows.push({
      what: `fleetctl ${command}, ${lines} lines`,
      measured: `median ${Math.round(median(timesMs))} ms`,
      budget: "",
    });
  }
}

/** What the leading fleetd and the store use while nothing happens. */
async function idle(): Promise<void> {
  await sleep(5_000);
  const before = { fleetd: cpuMs(fleetd), store: cpuMs(store.pid) };
  await sleep(IDLE_MS);
  const share = (ms: number) => `${((100 * ms) / IDLE_MS).toFixed(1)} % of a core`;
  rows.push({
    what: "processor time while idle: fleetd, store",
    measured: `${share(cpuMs(fleetd) - before.fleetd)}, ${share(cpuMs(store.pid) - before.store)}`,
    budget: "",
  });
  rows.push({
    what: "memory: fleetd, store",
    measured: `${residentMb(fleetd).toFixed(0)} MB, ${residentMb(store.pid).toFixed(0)} MB`,
    budget: "",
  });
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await sleep(2);
  }
}
