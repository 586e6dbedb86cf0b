import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type FleetClient, openFleetClient } from "#fleet/client.ts";
import { freePort } from "#keys/real-etcd.ts";
import { type PrivateSystemd, startPrivateSystemd } from "./private-systemd.ts";

const LIMIT_MS = 60_000;
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const signal = AbortSignal.timeout(300_000);

export interface Daemon {
  readonly systemd: PrivateSystemd;
  readonly client: FleetClient;
  readonly id: string;
  process: ChildProcess;
  start(): Promise<void>;
  run(...args: string[]): Promise<{ status: number; stderr: string }>;
}

/** `keelson fleetd` as a process inside the namespace of a systemd of its own. */
export async function startDaemon(
  t: TestContext,
  store: { readonly clientUrl: string },
  settings: NodeJS.ProcessEnv = {},
): Promise<Daemon> {
  const owned = new AsyncDisposableStack();
  t.after(() => owned.disposeAsync());
  const systemd = owned.use(await startPrivateSystemd());
  const { root } = systemd;
  const id = await output("cat", [join(root, "etc/machine-id")]);
  const url = `http://127.0.0.1:${await freePort()}`;
  const env = {
    ...systemd.env,
    PATH: process.env["PATH"] ?? "",
    KEELSON_ROOT: root,
    FLEET_ETCD_SERVERS: store.clientUrl,
    ...settings,
    FLEET_API_LISTEN: `unix://${root}/run/fleet.sock,${url}`,
  };
  const spawnFleetd = (args: readonly string[], stderr: "inherit" | "pipe") =>
    spawn(
      "nsenter",
      ["-t", String(systemd.pid), "-m", "-u", process.execPath, MAIN, "fleetd", ...args],
      {
        env: { ...env, FLEET_API_ADVERTISE: url },
        stdio: ["ignore", process.env["KEELSON_TEST_LOG"] ? "inherit" : "ignore", stderr],
      },
    );
  const daemon: Daemon = {
    systemd,
    id: id.trim(),
    client: openFleetClient({ endpoints: [`unix://${root}/run/fleet.sock`] }),
    process: spawnFleetd([], "inherit"),
    start: async () => {
      daemon.process = spawnFleetd([], "inherit");
    },
    run: async (...args) => {
      const child = spawnFleetd(args, "pipe");
      const stderr = text(child.stderr!);
      const [status] = await once(child, "exit");
      return { status: status as number, stderr: await stderr };
    },
  };
  owned.defer(() => end(daemon, "SIGKILL")); // before its systemd, in whose directories it writes
  await until("fleetd knows its machine", async () =>
    (await daemon.client.listMachines(signal)).some((machine) => machine.id === daemon.id),
  );
  return daemon;
}

export async function end(daemon: Daemon, how: "SIGTERM" | "SIGKILL"): Promise<void> {
  const { process: child } = daemon;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(how);
  await ended;
}

export async function output(
  program: string,
  args: readonly string[],
  env = process.env,
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "ignore"] });
  return text(child.stdout);
}

export async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  for (;;) {
    if (await holds().catch(() => false)) return performance.now() - startMs;
    assert.ok(performance.now() - startMs < LIMIT_MS, `not in time: ${what}`);
    await sleep(20);
  }
}

/** The main process of a unit; 0 when there is none. */
export async function mainPid({ systemd }: Daemon, unit: string): Promise<number> {
  const args = ["--user", "show", "--property=MainPID", "--value", unit];
  return Number(await output("systemctl", args, { ...process.env, ...systemd.env }));
}

export async function isActive(daemon: Daemon, unit: string): Promise<boolean> {
  const states = await daemon.client.listStates({ unitName: unit, machineID: daemon.id }, signal);
  return states[0]?.systemdActiveState === "active";
}

export function unit(name: string, command: string, fleet: readonly string[] = []) {
  return {
    name,
    desiredState: "launched" as const,
    options: [
      { section: "Service", name: "ExecStart", value: command },
      ...fleet.map((line) => {
        const [key = "", ...value] = line.split("=");
        return { section: "X-Fleet", name: key, value: value.join("=") };
      }),
    ],
  };
}
