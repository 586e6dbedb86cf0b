import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "#base/clock.ts";
import type { Address } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { FakeSystemd } from "#systemd/fake-systemd.ts";
import { openApiServer } from "./api-server.ts";
import { DEFAULT_KEY_PREFIX } from "./core/fleet-keys.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import { CuttableKeys } from "./cuttable-keys.ts";
import { type FleetMachine, openFleetMachine } from "./fleet-machine.ts";
import { FleetMetrics } from "./fleet-metrics.ts";
import { bodyText, httpRequest } from "./http-request.ts";
import { openMachineConsole } from "./machine-console.ts";
import { httpProbe } from "./machine-probe.ts";
import { OriginalRestarts } from "./original-restarts.ts";
import type { UnitConsole } from "./unit-console.ts";
import { MemoryUnitFiles } from "./unit-files.ts";

const LIMIT_MS = 20_000;
export const signal = AbortSignal.timeout(120_000);
const clock = systemClock;

export interface Node {
  readonly name: string;
  readonly machine: FleetMachine;
  readonly link: CuttableKeys;
  readonly unix: string;
  readonly url: string;
}

/** For tests: daemons with their APIs on real sockets, in this process, over one store. */
export async function startNodes(t: TestContext, ...names: string[]): Promise<Node[]> {
  const random = seededRandom(3);
  const log = new MemoryLog(new MemoryDisk(), { clock, random, delayMaxMs: 0 });
  const server = new KeysServer(log, { clock, random, onFault: () => {} });
  const directory = await mkdtemp(join(tmpdir(), "keelson-api-"));
  const stack = new AsyncDisposableStack();
  t.after(() => stack.disposeAsync());
  stack.defer(() => rm(directory, { recursive: true }));
  stack.use(server);
  const nodes: Node[] = [];
  for (const name of names) {
    const link = new CuttableKeys(new LocalKeys(server));
    nodes.push(await startNode(stack, name, link, join(directory, `${name}.sock`)));
  }
  await until("all are registered", () =>
    nodes.every(
      ({ machine }) => machine.isRegistered && machine.feed.model.machines.size === names.length,
    ),
  );
  for (const { machine, url } of nodes)
    await machine.registry.writeApi(machine.machine.id, url, signal);
  await until("all know the addresses", () =>
    nodes.every(({ machine }) =>
      nodes.every((other) => machine.feed.model.api(other.machine.machine.id)),
    ),
  );
  return nodes;
}

async function startNode(
  stack: AsyncDisposableStack,
  name: string,
  link: CuttableKeys,
  unix: string,
): Promise<Node> {
  const random = seededRandom(name.length);
  const logger = openLogger("silent");
  const files = new MemoryUnitFiles();
  const systemd = new FakeSystemd({ clock, random, files: files.texts });
  const machine = stack.use(
    openFleetMachine({
      machine: {
        id: sampleMachine(name),
        publicIp: "127.0.0.1",
        metadata: new Map([["role", name]]),
        version: "",
      },
      incarnation: { instance: name, address: name },
      api: undefined,
      keys: link,
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
        agentTtlMs: 6_000,
        engineIntervalMs: 500,
        disableEngine: false,
      },
    }),
  );
  const api = stack.use(
    await openApiServer(
      {
        me: machine.machine.id,
        feed: machine.feed,
        registry: machine.registry,
        events: machine.events,
        history: machine.history,
        metrics: () => new FleetMetrics(machine).text(),
        liveness: machine.liveness,
        console: consoleOf(name),
        machineConsole: openMachineConsole({ scope: "system", env: process.env }),
        apiExec: "cluster",
        leave: (limit) => machine.leave(limit),
        pageSize: 3,
        restarts: new OriginalRestarts(clock),
        version: "test",
        clock,
        logger,
      },
      [
        { kind: "unix", path: unix },
        { kind: "tcp", host: "127.0.0.1", port: 0 },
      ],
    ),
  );
  const tcp = api.addresses[1] as Address & { kind: "tcp" };
  return { name, machine, link, unix: `unix://${unix}`, url: `http://127.0.0.1:${tcp.port}` };
}

function consoleOf(name: string): UnitConsole {
  return {
    status: async (unit) => ({ exitStatus: 3, text: `${unit} on ${name}\n` }),
    async *journal(unit, { lines, output, follow }, stop) {
      yield `${unit} on ${name} ${lines} ${output}\n`;
      if (!follow) return;
      yield "more\n";
      await clock.sleep(LIMIT_MS, stop);
    },
  };
}

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = clock.monotonicMs() + LIMIT_MS;
  while (!(await holds())) {
    assert.ok(clock.monotonicMs() < endMs, `not in time: ${what}`);
    await clock.sleep(10, signal);
  }
}

export async function ask(
  { unix }: Node,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<[status: number, body: string]> {
  const address = { kind: "unix", path: unix.slice("unix://".length) } as const;
  const what = { method, path, ...(body !== undefined && { body, headers }) };
  const answer = await httpRequest(address, what, signal);
  return [answer.statusCode ?? 0, await bodyText(answer)];
}
