import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { openApiServer } from "#fleet/api-server.ts";
import { DEFAULT_KEY_PREFIX } from "#fleet/core/fleet-keys.ts";
import { parseMachineId } from "#fleet/core/machine-id.ts";
import type { SchemaMachine } from "#fleet/core/schema.ts";
import { type FleetMachine, openFleetMachine } from "#fleet/fleet-machine.ts";
import { openMachineConsole } from "#fleet/machine-console.ts";
import { httpProbe } from "#fleet/machine-probe.ts";
import { OriginalRestarts } from "#fleet/original-restarts.ts";
import type { UnitConsole } from "#fleet/unit-console.ts";
import { MemoryUnitFiles } from "#fleet/unit-files.ts";
import type { Keys } from "#keys/keys.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { FakeSystemd } from "#systemd/fake-systemd.ts";

const READY_LIMIT_MS = 20_000;
const clock = systemClock;
const random = Math.random;

export interface Fleet extends AsyncDisposable {
  /** The fleet API of the first machine. */
  readonly endpoint: string;
  /** As the machines are given, in their order. */
  readonly systemds: readonly FakeSystemd[];
}

/**
 * A real fleet in this process: one store, and for each machine engine, agent and API, over a systemd in memory.
 * `KEELSON_TEST_LOG=1` shows what they log.
 */
export async function openFleet(
  directory: string,
  machines: readonly SchemaMachine[],
): Promise<Fleet> {
  await using stack = new AsyncDisposableStack();
  const log = new MemoryLog(new MemoryDisk(), { clock, random, delayMaxMs: 2 });
  const server = stack.use(new KeysServer(log, { clock, random, onFault: () => {} }));
  const keys = new LocalKeys(server);
  const all = machines.map((machine) => openMachine(directory, machine, keys));
  for (const { fleet } of all) stack.use(fleet);
  for (const { serve } of all) stack.use(await serve());
  await ready(all.map(({ fleet }) => fleet));
  const owned = stack.move();
  return {
    endpoint: all[0]!.endpoint,
    systemds: all.map(({ systemd }) => systemd),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Machine {
  readonly fleet: FleetMachine;
  readonly systemd: FakeSystemd;
  readonly endpoint: string;
  readonly serve: () => Promise<AsyncDisposable>;
}

function openMachine(directory: string, machine: SchemaMachine, keys: Keys): Machine {
  const id = parseMachineId(machine.id);
  const files = new MemoryUnitFiles();
  const systemd = new FakeSystemd({ clock, random, files: files.texts });
  const logger = openLogger(process.env["KEELSON_TEST_LOG"] ? "debug" : "silent").child({
    machine: machine.primaryIP,
  });
  const path = join(directory, `${machine.primaryIP}.sock`);
  const endpoint = `unix://${path}`;
  const metadata = new Map(Object.entries(machine.metadata));
  const fleet = openFleetMachine({
    machine: { id, publicIp: machine.primaryIP, metadata, version: "1.0.0" },
    incarnation: { instance: machine.id, address: machine.primaryIP },
    api: endpoint,
    keys,
    probe: httpProbe,
    openSystemd: async () => systemd.open(),
    systemdRun: async () => "1",
    files,
    healthProbe: { check: async () => undefined },
    clock,
    random,
    logger,
    settings: {
      keyPrefix: DEFAULT_KEY_PREFIX,
      agentTtlMs: 6000,
      engineIntervalMs: 2000,
      disableEngine: false,
    },
  });
  const serve = () =>
    openApiServer(
      {
        me: id,
        feed: fleet.feed,
        registry: fleet.registry,
        events: fleet.events,
        history: fleet.history,
        metrics: () => "",
        liveness: fleet.liveness,
        console: consoleOf(systemd),
        machineConsole: openMachineConsole({ scope: "system", env: process.env }),
        apiExec: "cluster",
        leave: (signal) => fleet.leave(signal),
        pageSize: 100,
        restarts: new OriginalRestarts(clock),
        version: "1.0.0",
        clock,
        logger,
      },
      [{ kind: "unix", path }],
    );
  return { fleet, systemd, endpoint, serve };
}

/** What systemctl and journalctl would say, in short. */
function consoleOf(systemd: FakeSystemd): UnitConsole {
  return {
    status: async (unit, signal) => {
      await using connection = systemd.open();
      const [row] = await connection.status([unit], signal);
      const { description = "", activeState = "inactive", subState = "dead" } = row ?? {};
      const title = description === "" || description === unit ? unit : `${unit} - ${description}`;
      return {
        exitStatus: activeState === "active" ? 0 : 3,
        text: `● ${title}\n     Active: ${activeState} (${subState})\n`,
      };
    },
    async *journal(unit, { lines = 3, output }, _signal) {
      const all = [1, 2, 3].map((i) => `${output} line ${i} of ${unit}\n`);
      yield lines === 0 ? "" : all.slice(-lines).join("");
    },
  };
}

async function ready(machines: readonly FleetMachine[]): Promise<void> {
  const { signal } = new AbortController();
  const startMs = clock.monotonicMs();
  const isReady = () =>
    machines.every((m) => m.isRegistered && m.feed.model.machines.size === machines.length) &&
    machines.some((m) => m.leads);
  while (!isReady()) {
    if (clock.monotonicMs() - startMs > READY_LIMIT_MS)
      throw new Error("the fleet was not ready in time");
    await clock.sleep(10, signal);
  }
}
