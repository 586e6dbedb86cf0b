import { FakeClock } from "#base/fake-clock.ts";
import { Fault } from "#base/fault.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { FakeSystemd } from "#systemd/fake-systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { DEFAULT_KEY_PREFIX, FleetKeys } from "./core/fleet-keys.ts";
import type { MachineId } from "./core/machine-id.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import type { UnitStateName } from "./core/schema.ts";
import { type FleetMachine, openFleetMachine } from "./fleet-machine.ts";
import { Registry } from "./registry.ts";
import { hashOf, MemoryUnitFiles } from "./unit-files.ts";

const WALL_START_MS = Date.UTC(2026, 0, 1);
const STEP_MS = 10;

/** One machine of a simulated cluster: what survives its daemon, and the daemon while it runs. */
export interface SimulatedMachine {
  readonly name: string;
  readonly id: MachineId;
  readonly metadata: ReadonlyMap<string, string>;
  readonly systemd: FakeSystemd;
  readonly files: MemoryUnitFiles;
  readonly link: CuttableKeys;
  /** Counts boots. */
  boot: number;
  daemon: FleetMachine | undefined;
}

/** Machines with fake systemds on one store and one clock, all in this process, and ways to break them. */
export class SimulatedCluster implements AsyncDisposable {
  readonly clock = new FakeClock(WALL_START_MS);
  readonly random: Random;
  readonly keys: Keys;
  readonly at = new FleetKeys(DEFAULT_KEY_PREFIX);
  readonly registry: Registry;
  readonly signal = new AbortController().signal;
  readonly #machines = new Map<string, SimulatedMachine>();
  readonly #server: KeysServer;
  readonly #logger: Logger;

  constructor(seed: number, logger: Logger = openLogger("silent")) {
    this.random = seededRandom(seed);
    const { clock, random } = this;
    const log = new MemoryLog(new MemoryDisk(), { clock, random, delayMaxMs: 2 });
    this.#server = new KeysServer(log, { clock, random, onFault: () => {} });
    this.keys = new LocalKeys(this.#server);
    this.registry = new Registry(this.keys, this.at);
    this.#logger = logger;
  }

  machine(name: string): SimulatedMachine {
    const machine = this.#machines.get(name);
    if (machine === undefined) throw new Error(`no machine ${name}`);
    return machine;
  }

  /** Boots a new machine and its daemon; `metadata` such as `role=web,az=1`. */
  add(name: string, metadata = ""): SimulatedMachine {
    const { clock, random } = this;
    const files = new MemoryUnitFiles();
    const pairs = metadata.split(",").filter(Boolean);
    const machine: SimulatedMachine = {
      name,
      id: sampleMachine(name),
      metadata: new Map(pairs.map((pair) => pair.split("=") as [string, string])),
      systemd: new FakeSystemd({ clock, random, files: files.texts }),
      files,
      link: new CuttableKeys(this.keys),
      boot: 1,
      daemon: undefined,
    };
    this.#machines.set(name, machine);
    this.startDaemon(name);
    return machine;
  }

  startDaemon(name: string): FleetMachine {
    const machine = this.machine(name);
    const { id, metadata, systemd, files, link } = machine;
    machine.daemon = openFleetMachine({
      machine: { id, publicIp: name, metadata, version: "simulated" },
      incarnation: { instance: `${name} boot ${machine.boot}`, address: name },
      api: undefined,
      keys: link,
      openSystemd: async () => systemd.open(),
      systemdRun: async () => String(machine.boot),
      files,
      clock: this.clock,
      random: this.random,
      logger: this.#logger.child({ machine: name }),
      settings: {
        keyPrefix: this.at.prefix,
        agentTtlMs: 6_000,
        engineIntervalMs: 2_000,
        disableEngine: false,
      },
    });
    return machine.daemon;
  }

  /** Ends the daemon as a restart of its service does; `cut` first for a daemon that is killed. */
  async stopDaemon(name: string): Promise<void> {
    const machine = this.machine(name);
    await this.whileTimePasses(machine.daemon?.[Symbol.asyncDispose]() ?? Promise.resolve());
    machine.daemon = undefined;
  }

  /** A power cut: nothing of the daemon gets out any more, all units and the files in /run are gone. */
  async crash(name: string): Promise<void> {
    const machine = this.machine(name);
    machine.link.cut();
    machine.systemd.reboot();
    machine.files.texts.clear();
    machine.boot += 1;
    await this.stopDaemon(name);
  }

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
    await this.whileTimePasses(this.#server[Symbol.asyncDispose]());
  }
}

/** A unit that runs until stopped. */
export function unitText(fleet: readonly string[]): string {
  const section = fleet.length === 0 ? "" : `\n[X-Fleet]\n${fleet.join("\n")}\n`;
  return `[Service]\nExecStart=/bin/sleep infinity\n${section}`;
}

/** A machine's way to the store, which can be cut: then every request fails, and watches end. */
export class CuttableKeys implements Keys {
  readonly #keys: Keys;
  #alive = new AbortController();

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  cut(): void {
    this.#alive.abort(unreachable());
  }

  mend(): void {
    if (this.#alive.signal.aborted) this.#alive = new AbortController();
  }

  get(...[key, options, signal]: Parameters<Keys["get"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.get(key, options, s));
  }

  set(...[key, value, options, signal]: Parameters<Keys["set"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.set(key, value, options, s));
  }

  createInOrder(...[dir, value, options, signal]: Parameters<Keys["createInOrder"]>) {
    return this.#through(signal, (s) => this.#keys.createInOrder(dir, value, options, s));
  }

  delete(...[key, options, signal]: Parameters<Keys["delete"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.delete(key, options, s));
  }

  async *watch(...[key, options, signal]: Parameters<Keys["watch"]>): AsyncGenerator<KeyEvent> {
    const alive = this.#alive.signal;
    alive.throwIfAborted();
    yield* this.#keys.watch(key, options, AbortSignal.any([signal, alive]));
    signal.throwIfAborted();
    alive.throwIfAborted();
  }

  async #through<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const alive = this.#alive.signal;
    alive.throwIfAborted();
    const result = await call(AbortSignal.any([signal, alive]));
    alive.throwIfAborted();
    return result;
  }
}

function unreachable(): Fault {
  return new Fault("STORE_UNAVAILABLE", "Cannot ask the store: the link is cut; mend it");
}
