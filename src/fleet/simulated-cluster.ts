import { FakeClock } from "#base/fake-clock.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { Keys } from "#keys/keys.ts";
import type { Log } from "#log/core/log.ts";
import { FakeSystemd } from "#systemd/fake-systemd.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { DEFAULT_KEY_PREFIX, FleetKeys } from "./core/fleet-keys.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { MachineFacts } from "./core/records.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import type { UnitStateName } from "./core/schema.ts";
import { driftingClock } from "./drifting-clock.ts";
import { type FleetMachine, openFleetMachine } from "./fleet-machine.ts";
import { Registry } from "./registry.ts";
import { IGNORED, type OnBite } from "./simulated-bite.ts";
import { type DiskState, simulatedDisk } from "./simulated-disk.ts";
import { SimulatedLink } from "./simulated-link.ts";
import { SimulatedProbe, simulatedApi } from "./simulated-probe.ts";
import { SimulatedProcess } from "./simulated-process.ts";
import { SimulatedStore } from "./simulated-store.ts";
import { hashOf, MemoryUnitFiles } from "./unit-files.ts";

const WALL_START_MS = Date.UTC(2026, 0, 1);
const STEP_MS = 10;

/** One machine of a simulated cluster: what survives its daemon, and the daemon while it runs. */
export interface SimulatedMachine {
  readonly name: string;
  readonly id: MachineId;
  /** What others see as its address. */
  readonly address: string;
  /** What it finds to be its address, though it is told one. */
  ownAddress: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly systemd: FakeSystemd;
  readonly files: MemoryUnitFiles;
  /** Units that do not do their work here, and what their checks say. */
  readonly ill: Map<string, string>;
  readonly link: SimulatedLink;
  /** Without power: it does not even refuse a connection. */
  isOff: boolean;
  /** Machines whose questions to it get lost on the way. */
  readonly refuses: Set<string>;
  /** Counts boots. */
  boot: number;
  /** How far its wall clock is ahead. */
  wallAheadMs: number;
  /** How many seconds its monotonic clock counts in a second. */
  readonly clockRate: number;
  readonly disk: DiskState;
  /** The run of the daemon. */
  process: SimulatedProcess;
  /** Counts runs of the daemon, each of which names its own in what it logs. */
  run: number;
  daemon: FleetMachine | undefined;
}

/** Ways to look on and to meddle, for tests; what is not given stays as it is. */
export interface SimulationHooks {
  readonly snapshotEvery?: number;
  readonly wrapLog?: (log: Log) => Log;
  /** What a daemon gets in place of its link, and of its connection to systemd. */
  readonly wrapKeys?: (keys: Keys, machine: SimulatedMachine) => Keys;
  readonly wrapSystemd?: (systemd: Systemd, machine: SimulatedMachine) => Systemd;
  /** Told whenever a fault did something to somebody. */
  readonly onBite?: OnBite;
  /** Called with every daemon before it has done anything. */
  readonly onStart?: (daemon: FleetMachine, machine: SimulatedMachine) => void;
  /** Told of every change of what a machine's systemd runs, as it happens. */
  readonly onUnit?: (machine: SimulatedMachine, unit: string) => void;
  /** How long a process takes to be gone after SIGKILL, in milliseconds. */
  readonly killMs?: readonly [least: number, most: number];
}

/** Machines with fake systemds on one store and one clock, all in this process, and ways to break them. */
export class SimulatedCluster implements AsyncDisposable {
  readonly clock = new FakeClock(WALL_START_MS);
  readonly random: Random;
  readonly store: SimulatedStore;
  /** A way to the store that nothing disturbs, but for the store's own troubles. */
  readonly keys: SimulatedLink;
  readonly at = new FleetKeys(DEFAULT_KEY_PREFIX);
  readonly registry: Registry;
  readonly signal = new AbortController().signal;
  readonly #machines = new Map<string, SimulatedMachine>();
  readonly #logger: Logger;
  readonly #hooks: SimulationHooks;
  readonly #onBite: OnBite;

  constructor(seed: number, logger: Logger = openLogger("silent"), hooks: SimulationHooks = {}) {
    this.random = seededRandom(seed);
    const { clock, random } = this;
    this.#onBite = hooks.onBite ?? IGNORED;
    this.store = new SimulatedStore({ clock, random, ...hooks });
    this.keys = this.link();
    this.registry = new Registry(this.keys, this.at);
    this.#logger = logger;
    this.#hooks = hooks;
  }

  get machines(): Iterable<SimulatedMachine> {
    return this.#machines.values();
  }

  machine(name: string): SimulatedMachine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`no machine ${name}`);
    return machine;
  }

  /** A new way to the store. */
  link(): SimulatedLink {
    const { clock, random, store } = this;
    return new SimulatedLink({ clock, random, store, onBite: this.#onBite });
  }

  /** Boots a new machine and its daemon; `metadata` such as `role=web,az=1`. One that is a copy has the id and address of another. */
  add(name: string, metadata = "", clockRate = 1, copyOf = name): SimulatedMachine {
    const { clock, random } = this;
    const { onUnit, killMs } = this.#hooks;
    const files = new MemoryUnitFiles();
    const pairs = metadata.split(",").filter(Boolean);
    const machine: SimulatedMachine = {
      name,
      id: sampleMachine(copyOf),
      address: copyOf,
      ownAddress: "",
      metadata: new Map(pairs.map((pair) => pair.split("=") as [string, string])),
      systemd: new FakeSystemd({
        clock: driftingClock(clock, clockRate),
        random,
        files: files.texts,
        dropIns: files.dropIns,
        ...(killMs && { killMs }),
        onChange: (unit) => onUnit?.(machine, unit),
      }),
      files,
      ill: new Map(),
      link: this.link(),
      isOff: false,
      refuses: new Set(),
      boot: 1,
      wallAheadMs: 0,
      clockRate,
      disk: { delayMaxMs: 0, isFull: false },
      process: new SimulatedProcess(),
      run: 0,
      daemon: undefined,
    };
    this.#machines.set(name, machine);
    this.startDaemon(name);
    return machine;
  }

  startDaemon(name: string): FleetMachine {
    const machine = this.machine(name);
    const { id, address, metadata, systemd, files, link, boot, disk: state } = machine;
    const { clock, random } = this;
    const onBite = this.#onBite;
    const process = new SimulatedProcess(onBite);
    const { wrapKeys, wrapSystemd, onStart } = this.#hooks;
    machine.process = process;
    machine.run += 1;
    machine.isOff = false;
    machine.daemon = openFleetMachine({
      machine: { id, publicIp: address, metadata, version: "simulated", facts: factsOf(name) },
      incarnation: { instance: `${name} boot ${boot}`, address },
      api: simulatedApi(name),
      ownAddress: () => Promise.resolve(machine.ownAddress),
      keys: process.keys(wrapKeys?.(link, machine) ?? link),
      probe: process.probe(new SimulatedProbe(machine, (other) => this.#machines.get(other))),
      openSystemd: async () => {
        process.leave();
        const connection = systemd.open();
        return process.systemd(wrapSystemd?.(connection, machine) ?? connection);
      },
      systemdRun: async () => String(boot),
      files: simulatedDisk(process.files(files), { state, clock, random, onBite }),
      healthProbe: { check: async (_, unit) => machine.ill.get(unit) },
      clock: process.clock(clock, () => machine.wallAheadMs, machine.clockRate),
      random,
      logger: this.#logger.child({ machine: name, run: String(machine.run) }),
      settings: {
        keyPrefix: this.at.prefix,
        agentTtlMs: 6_000,
        engineIntervalMs: 2_000,
        disableEngine: false,
      },
    });
    onStart?.(machine.daemon, machine);
    return machine.daemon;
  }

  /** Ends the daemon as a restart of its service does. */
  async stopDaemon(name: string): Promise<void> {
    await this.whileTimePasses(this.endDaemon(name));
  }

  /** The same, without letting time pass. */
  async endDaemon(name: string): Promise<void> {
    const machine = this.machine(name);
    const { daemon } = machine;
    await daemon?.[Symbol.asyncDispose]();
    if (machine.daemon === daemon) machine.daemon = undefined;
  }

  /** Ends the daemon as SIGKILL does, at once: nothing more of it gets out. */
  async killDaemon(name: string): Promise<void> {
    const machine = this.machine(name);
    const { daemon } = machine;
    machine.daemon = undefined;
    machine.process.kill();
    await daemon?.[Symbol.asyncDispose]().catch(() => {}); // it ended in the middle of something
  }

  /** A power cut: nothing of the daemon gets out any more, all units and the files in /run are gone. */
  async crash(name: string): Promise<void> {
    await this.whileTimePasses(this.cutPower(name));
  }

  /** The same, without letting time pass. */
  async cutPower(name: string): Promise<void> {
    const machine = this.machine(name);
    const killed = this.killDaemon(name);
    machine.isOff = true;
    machine.systemd.reboot();
    machine.files.texts.clear();
    machine.files.dropIns.clear();
    machine.files.tokens.clear();
    machine.boot += 1;
    await killed;
  }

  /** Starts the machine again, with its link mended. */
  boot(name: string): void {
    this.machine(name).link.mend();
    this.startDaemon(name);
  }

  /** Submits a unit as the API does. */
  async submit(
    name: string,
    options: { readonly fleet?: readonly string[]; readonly desired?: UnitStateName } = {},
  ): Promise<void> {
    const { fleet = [], desired = "launched" } = options;
    const raw = unitText(fleet);
    const known = { blobInUse: false, tombstone: true, replaces: false };
    await this.whileTimePasses(
      this.registry.createJob(name as UnitName, raw, desired, known, this.signal),
    );
  }

  async destroy(name: string, fleet: readonly string[] = []): Promise<void> {
    const hash = hashOf(unitText(fleet));
    await this.whileTimePasses(this.registry.destroyJob(name as UnitName, hash, this.signal));
  }

  /** Units whose processes are there, by machine. */
  running(): Record<string, string[]> {
    return Object.fromEntries(
      [...this.#machines.values()].map(({ name, systemd }) => [name, systemd.running()]),
    );
  }

  /** Machines that run the unit. */
  where(unit: string): string[] {
    return Object.entries(this.running()).flatMap(([name, units]) =>
      units.includes(unit) ? [name] : [],
    );
  }

  /** Lets time pass until `holds`; gives how long that took, in milliseconds. */
  async until(what: string, holds: () => boolean, limitMs = 30_000): Promise<number> {
    const startMs = this.clock.monotonicMs();
    while (!holds()) {
      const tookMs = this.clock.monotonicMs() - startMs;
      if (tookMs > limitMs)
        throw new Error(`not within ${limitMs} ms: ${what}; ${JSON.stringify(this.running())}`);
      await this.clock.advance(STEP_MS);
    }
    return this.clock.monotonicMs() - startMs;
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
  }

  /** Lets time pass until `work` is done. */
  async whileTimePasses<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => (done = true));
    finished.catch(() => {}); // awaited below
    await this.until("the work is done", () => done, 120_000);
    return finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#machines.keys()) await this.stopDaemon(name);
    await this.whileTimePasses(this.store[Symbol.asyncDispose]());
  }
}

/** All machines are of one size: 4 GiB and 4 cores. */
function factsOf(hostName: string): MachineFacts {
  return { memoryBytes: 4 * 2 ** 30, millicores: 4_000, hostName };
}

/** A unit that runs until stopped. */
export function unitText(fleet: readonly string[]): string {
  const section = fleet.length === 0 ? "" : `\n[X-Fleet]\n${fleet.join("\n")}\n`;
  return `[Service]\nExecStart=/bin/sleep infinity\n${section}`;
}
