import { readFile, stat } from "node:fs/promises";
import { availableParallelism, hostname, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { type ActivatedSocket, activatedSockets } from "#base/activation.ts";
import { systemClock } from "#base/clock.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { ownAddress } from "#base/own-address.ts";
import { followClientTls } from "#base/tls.ts";
import { type KeysClient, openKeysClient } from "#keys/client.ts";
import type { SystemdAddress } from "#systemd/connection.ts";
import { openSystemd } from "#systemd/open-systemd.ts";
import { openApiServer } from "./api-server.ts";
import { fleetVersion } from "./core/daemon-version.ts";
import { type MachineId, parseMachineId } from "./core/machine-id.ts";
import type { MachineFacts, MachineRecord } from "./core/records.ts";
import { type FleetMachine, openFleetMachine } from "./fleet-machine.ts";
import { FleetMetrics } from "./fleet-metrics.ts";
import { openHealthProbe } from "./health-probe.ts";
import { machineInstance, readBootId } from "./instance.ts";
import { openMachineConsole } from "./machine-console.ts";
import { httpProbe } from "./machine-probe.ts";
import { OriginalRestarts } from "./original-restarts.ts";
import type { FleetSettings } from "./settings.ts";
import { openUnitConsole } from "./unit-console.ts";
import { openUnitFiles } from "./unit-files.ts";

export interface FleetdOptions {
  /** The machine's root directory; `/` unless it shares its host with others. */
  readonly root: string;
  readonly settings: FleetSettings;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called when the API listens, whether the store is there or not. */
  readonly onListening: (machine: FleetMachine) => Promise<void>;
}

/** A server that does not even accept a connection in this time is left for the next. */
const CONNECT_MS = 1_000;
const SYSTEM_SOCKET = "/run/systemd/private";

/** Runs fleet on this machine until aborted, which stops no unit; waits for the store as long as it takes. */
export async function runFleetd(options: FleetdOptions, signal: AbortSignal): Promise<void> {
  const { root, settings, version, env, onListening } = options;
  const logger = openLogger(settings.verbosity > 0 ? "debug" : "info");
  for (const key of settings.unused)
    logger.warn({ key }, "this setting is the original's and has no effect");
  const me = await machineOf(root, settings, version);
  const bootId = await readBootId();
  const systemd = await systemdAddress(root, env);
  const systemctl = {
    scope: isPrivate(systemd) ? "user" : "system",
    env: withoutSettings(env),
  } as const;
  const activated = await activatedSockets(env, process.pid);
  const api = settings.api_advertise || advertised(settings, activated, me.publicIp);
  const address = settings.public_ip || api || me.publicIp;
  await using stack = new AsyncDisposableStack();
  const keys = stack.use(openStore(settings, logger));
  const machine = stack.use(
    openFleetMachine({
      machine: me,
      incarnation: { instance: await machineInstance(root), address },
      api,
      ownAddress: settings.public_ip === "" ? ownAddress : undefined,
      keys,
      probe: httpProbe,
      openSystemd: (limit) => openSystemd(systemd, limit),
      systemdRun: () => systemdRun(bootId, systemd),
      files: await openUnitFiles({
        units: settings.units_directory,
        dropIns: dropInDirectory(systemd),
      }),
      healthProbe: openHealthProbe(systemctl),
      clock: systemClock,
      random: Math.random,
      logger,
      settings: {
        keyPrefix: settings.etcd_key_prefix,
        agentTtlMs: settings.agent_ttl,
        engineIntervalMs: settings.engine_reconcile_interval,
        disableEngine: settings.disable_engine,
      },
    }),
  );
  const metrics = stack.use(new FleetMetrics(machine));
  const context = {
    me: me.id,
    feed: machine.feed,
    registry: machine.registry,
    events: machine.events,
    console: openUnitConsole(systemctl),
    machineConsole: openMachineConsole(systemctl),
    apiExec: settings.api_exec,
    history: machine.history,
    metrics: () => metrics.text(),
    liveness: machine.liveness,
    leave: (limit: AbortSignal) => machine.leave(limit),
    pageSize: settings.token_limit,
    restarts: new OriginalRestarts(systemClock),
    version,
    clock: systemClock,
    logger: logger.child({ part: "api" }),
  };
  stack.use(await openApiServer(context, settings.api_listen, activated));
  logger.info({ machine: me.id, api, root }, "fleetd runs");
  await onListening(machine);
  const told = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => told.resolve(), { once: true });
  if (!signal.aborted) await Promise.race([told.promise, machine.ended]);
}

/** What fleetd was told is not for the programs that it runs: the store's password may be among it. */
function withoutSettings(env: FleetdOptions["env"]): FleetdOptions["env"] {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("FLEET_")));
}

function openStore(settings: FleetSettings, logger: Logger): KeysClient {
  return openKeysClient({
    endpoints: settings.etcd_servers,
    requestTimeoutMs: settings.etcd_request_timeout,
    connectTimeoutMs: Math.min(CONNECT_MS, settings.etcd_request_timeout),
    ...(settings.etcd_username === ""
      ? {}
      : { auth: `${settings.etcd_username}:${settings.etcd_password}` }),
    tls: followClientTls(
      {
        certFile: settings.etcd_certfile,
        keyFile: settings.etcd_keyfile,
        caFiles: [settings.etcd_cafile],
      },
      logger,
    ),
  });
}

/**
 * The id of the machine with this root directory.
 * @throws {Fault} CONFIG_INVALID when etc/machine-id holds none
 */
export async function readMachineId(root: string): Promise<MachineId> {
  const path = join(root, "etc/machine-id");
  try {
    return parseMachineId((await readFile(path, "utf8")).trim());
  } catch (cause) {
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot tell which machine this is from ${path}: ${reasonOf(cause)}; make an id with systemd-machine-id-setup(1)`,
      { cause },
    );
  }
}

/**
 * The address that others reach this machine's API at: the first TCP address that is not local, or the machine's own where
 * it listens on all.
 */
function advertised(
  { api_listen }: FleetSettings,
  activated: readonly ActivatedSocket[],
  publicIp: string,
): string | undefined {
  for (const address of [...api_listen, ...activated.flatMap((socket) => socket.address ?? [])]) {
    if (address.kind !== "tcp") continue;
    const { host: own, port } = address;
    const host = /^(?:0\.0\.0\.0|::)$/.test(own) ? publicIp : own;
    if (host === "" || /^(?:localhost|127\.0\.0\.1|::1)$/.test(host)) continue;
    return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }
  return undefined;
}

async function machineOf(
  root: string,
  settings: FleetSettings,
  version: string,
): Promise<MachineRecord> {
  const { public_ip: told, metadata } = settings;
  const id = await readMachineId(root);
  const publicIp = told || (await ownAddress());
  return { id, publicIp, metadata, version: fleetVersion(version), facts: factsOf(settings) };
}

/** What units may count on here: as told, else what this process may use. */
function factsOf({ memory, cpus }: FleetSettings): MachineFacts {
  const limit = process.constrainedMemory(); // 0 where there is none, or beyond all memory
  const memoryBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return {
    memoryBytes: memory ?? memoryBytes,
    millicores: cpus ?? availableParallelism() * 1000,
    hostName: hostname(),
  };
}

/** Where the manager looks for what adds to units until it or the machine starts anew, systemd.unit(5). */
function dropInDirectory(systemd: SystemdAddress): string {
  return "socketPath" in systemd && isPrivate(systemd)
    ? join(dirname(systemd.socketPath), "user")
    : "/run/systemd/system";
}

/** A machine that shares its host has a manager of its own; otherwise it is the host's. */
async function systemdAddress(root: string, env: FleetdOptions["env"]): Promise<SystemdAddress> {
  const runtimeDir = env["XDG_RUNTIME_DIR"];
  if (root !== "/" && runtimeDir !== undefined)
    return { socketPath: join(runtimeDir, "systemd/private") };
  const isRoot = process.getuid?.() === 0;
  return isRoot && (await exists(SYSTEM_SOCKET))
    ? { socketPath: SYSTEM_SOCKET }
    : { bus: "system" };
}

function isPrivate(systemd: SystemdAddress): boolean {
  return "socketPath" in systemd && systemd.socketPath !== SYSTEM_SOCKET;
}

/** The host's manager lives as long as the boot; a private one makes its socket anew when it starts. */
async function systemdRun(bootId: string, systemd: SystemdAddress): Promise<string> {
  if (!("socketPath" in systemd) || !isPrivate(systemd)) return bootId;
  const { ino, ctimeMs } = await stat(systemd.socketPath);
  return `${bootId} ${ino} ${ctimeMs}`;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}
