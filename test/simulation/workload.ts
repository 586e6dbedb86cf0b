import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { putText } from "#fleet/api-rollout.ts";
import type { ClusterModel } from "#fleet/core/cluster-model.ts";
import type { MachineId } from "#fleet/core/machine-id.ts";
import { isUnitStateName, type UnitStateName } from "#fleet/core/schema.ts";
import { isKeysError, Registry } from "#fleet/registry.ts";
import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import { machineDeed } from "./machine-work.ts";
import { chance, pick, shuffled } from "./pick.ts";
import type { Shape } from "./shape.ts";
import type { Trace } from "./trace.ts";
import { isTemplate, PLAIN, type SpecBook, STUBBORN, type UnitSpec } from "./unit-spec.ts";

/** Names that the workload chooses from; it uses few, so that the same unit is met again and again. */
const NAMES = [
  "web.service",
  "db.service",
  "log.service",
  "cache.service",
  "mail.service",
  "web@1.service",
  "web@2.service",
  "web@.service",
  "side.service",
  "every.service",
  ...Array.from({ length: 8 }, (_, at) => `web@${at + 3}.service`),
  "worker@.service",
  ...Array.from({ length: 5 }, (_, at) => `worker@${at + 1}.service`),
];
const PROGRAMS: readonly (readonly string[])[] = [
  ["ExecStart=/bin/sleep 7"],
  ["ExecStart=/bin/false"],
  ["ExecStart=/bin/sleep infinity", "ExecStop=/bin/sleep 9"],
  ["Type=oneshot", "ExecStart=/bin/sleep 2"],
  ["Type=oneshot", "RemainAfterExit=yes", "ExecStart=/bin/true"],
];

const LEASES = ["stop", "once", "once"] as const;
/** What runs by a lease, some of it with stops that take all of their time. */
const LEASED_PROGRAMS: readonly (readonly string[])[] = [
  PLAIN.service,
  PLAIN.service,
  ["ExecStart=/bin/sleep infinity", "ExecStop=/bin/sleep 9"],
  [STUBBORN],
  [STUBBORN, "ExecStop=/bin/sleep 60"],
  [STUBBORN, "ExecStop=/bin/sleep 60", "TimeoutStopSec=2"],
  ["ExecStart=/bin/sleep 7"],
];

const UPDATES: readonly (readonly string[])[] = [
  ["UpdateParallel=1", "UpdateMonitor=1s"],
  ["UpdateParallel=2", "UpdateMonitor=3s"],
  ["UpdateParallel=50%", "UpdateMonitor=2s"],
];

/** What people and programs ask of the cluster, as the API of one of its machines does it. */
export class Workload {
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #specs: SpecBook;
  readonly #trace: Trace;
  readonly #names: readonly UnitName[];
  readonly #shape: Shape;
  readonly #pending = new Set<Promise<void>>();
  operations = 0;

  constructor(
    cluster: SimulatedCluster,
    random: Random,
    specs: SpecBook,
    trace: Trace,
    shape: Shape,
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.#specs = specs;
    this.#trace = trace;
    this.#shape = shape;
    this.#names = shuffled(random, NAMES).slice(0, shape.units) as UnitName[];
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Begins one operation on a machine that is up. */
  act(): void {
    const ready = [...this.#cluster.machines].filter(
      ({ daemon, process }) => daemon?.feed.isListed === true && !process.isPaused,
    );
    if (ready.length === 0) return;
    const machine = pick(this.#random, ready);
    const name = pick(this.#random, this.#names);
    const act = this.#choose(machine, name);
    this.operations += 1;
    const running = act().then(
      (what) => this.#trace.add(`done by ${machine.name}: ${what}`),
      (error: unknown) => {
        const wasCut = error instanceof Error && error.message.includes("simulated process");
        if (!(error instanceof Fault) && !isKeysError(error, 100, 101, 105) && !wasCut) throw error;
        this.#trace.add(
          `failed on ${machine.name}: ${error instanceof Error ? error.message : ""}`,
        );
      },
    );
    const tracked = running.finally(() => void this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }

  #choose(machine: SimulatedMachine, name: UnitName): () => Promise<string> {
    const { model } = machine.daemon!.feed;
    const job = model.jobs.get(name);
    const dice = this.#random();
    if (job?.desired === "inactive" && chance(this.#random, this.#shape.free))
      return () => this.#setDesired(machine, name, "launched");
    if (job?.hash === undefined || dice < 0.15) return () => this.#submit(machine, name);
    if (dice < 0.35) return () => this.#destroy(machine, name, job.hash!);
    if (dice < 0.7) {
      const states = ["launched", "launched", "loaded", "inactive"] as const;
      return () => this.#setDesired(machine, name, pick(this.#random, states));
    }
    if (job.unit?.wants.atMostOnce === true && dice < 0.78)
      return () => this.#moveBlindly(name, job.target?.value);
    if (dice < 0.85) return async () => this.#meddle(name);
    if (dice < 0.9) return () => this.#closeOrOpen(machine);
    return () => this.#setMetadata(machine);
  }

  async #submit(machine: SimulatedMachine, name: UnitName): Promise<string> {
    const { model } = machine.daemon!.feed;
    const { raw, hash } = this.#specs.add(this.#templated(model, name) ?? this.#newSpec(name));
    const desired = name.includes("@.")
      ? "inactive"
      : chance(this.#random, this.#shape.free)
        ? "launched"
        : pick<UnitStateName>(this.#random, [
            "launched",
            "launched",
            "launched",
            "loaded",
            "inactive",
          ]);
    const job = model.jobs.get(name);
    const registry = this.#registry(machine);
    const what = `submit ${name} ${desired} ${JSON.stringify(raw)}`;
    this.#trace.add(`${what} by ${machine.name}`);
    const { clock, signal } = this.#cluster;
    if (job?.hash === hash) await registry.setDesired(name, desired, signal);
    else {
      const { process, wallAheadMs, clockRate } = machine;
      const context = {
        feed: machine.daemon!.feed,
        registry,
        clock: process.clock(clock, () => wallAheadMs, clockRate),
      };
      const replaces = job?.hash !== undefined;
      await putText(context, { kind: "create", name, raw, desired, replaces }, "somebody", signal);
    }
    return `submit ${name}`;
  }

  async #destroy(machine: SimulatedMachine, name: UnitName, hash: string): Promise<string> {
    this.#trace.add(`destroy ${name} by ${machine.name}`);
    await this.#registry(machine).destroyJob(name, hash, this.#cluster.signal);
    return `destroy ${name}`;
  }

  async #setDesired(machine: SimulatedMachine, name: UnitName, state: string): Promise<string> {
    if (name.includes("@.") || !isUnitStateName(state)) return "nothing: a template stays inactive";
    this.#trace.add(`set ${name} ${state} by ${machine.name}`);
    await this.#registry(machine).setDesired(name, state, this.#cluster.signal);
    return `set ${name} ${state}`;
  }

  async #setMetadata(machine: SimulatedMachine): Promise<string> {
    const value = chance(this.#random, 0.4) ? undefined : pick(this.#random, ["web", "db"]);
    this.#trace.add(`metadata of ${machine.name}: role=${value ?? "as configured"}`);
    const registry = this.#registry(machine);
    await registry.setMetadata(machine.id, "role", value, this.#cluster.signal);
    return `metadata of ${machine.name}`;
  }

  async #closeOrOpen(machine: SimulatedMachine): Promise<string> {
    const registry = this.#registry(machine);
    const { what, act } = machineDeed(this.#random, this.#cluster, machine, registry);
    this.#trace.add(`${what} by ${machine.name}`);
    await act();
    return what;
  }

  /** As an engine does that knows neither leases nor locks. */
  async #moveBlindly(name: UnitName, from: MachineId | undefined): Promise<string> {
    const { id, name: to } = pick(this.#random, [...this.#cluster.machines]);
    if (from === undefined) return "nothing: it is placed nowhere";
    this.#trace.add(`a blind engine moves ${name} to ${to}`);
    await this.#cluster.registry.move(name, from, id, this.#cluster.signal);
    return `move ${name} blindly to ${to}`;
  }

  /** What happens to processes by themselves. */
  #meddle(name: UnitName): string {
    const machine = pick(this.#random, [...this.#cluster.machines]);
    if (chance(this.#random, 0.3)) {
      const fails = chance(this.#random, 0.5);
      machine.systemd.setFailing(name, fails);
      return `${name} ${fails ? "fails" : "works"} on ${machine.name} from now on`;
    }
    const status = chance(this.#random, 0.5) ? 0 : 1;
    machine.systemd.exitUnit(name, status);
    return `${name} on ${machine.name} exits with ${status}`;
  }

  /** As the API of the machine: cut short when its daemon is killed. */
  #registry({ process, link }: SimulatedMachine): Registry {
    return new Registry(process.keys(link), this.#cluster.at);
  }

  /** Half of the instances have their template's text, so that they roll when it is given another one. */
  #templated(model: ClusterModel, name: UnitName): UnitSpec | undefined {
    const { kind, template } = unitNameParts(name);
    const hash = kind === "instance" ? model.jobs.get(template!)?.hash : undefined;
    return hash !== undefined && chance(this.#random, 0.5)
      ? this.#specs.find(name, hash)
      : undefined;
  }

  #newSpec(name: UnitName): UnitSpec {
    const random = this.#random;
    const leased = chance(random, this.#shape.leases) ? pick(random, LEASES) : undefined;
    const programs = leased === undefined ? PROGRAMS : LEASED_PROGRAMS;
    const isPlain = leased === undefined && !chance(random, 0.25);
    const own: UnitSpec = {
      ...PLAIN,
      name,
      leased,
      service: isPlain ? PLAIN.service : pick(random, programs),
      update: chance(random, isTemplate(name) ? 0.7 : 0.25) ? pick(random, UPDATES) : [],
    };
    if (name === "every.service" || chance(random, 0.08))
      return {
        ...own,
        update: [],
        leased: leased && "stop",
        global: true,
        metadata: chance(random, 0.5) ? [["role", "web"]] : [],
      };
    const dice = random();
    if (dice < 0.25 || chance(random, this.#shape.free)) return own;
    if (dice < 0.3) return { ...own, shuns: [["role", pick(random, ["web", "db", "none"])]] };
    if (dice < 0.35) return { ...own, memoryBytes: pick(random, [1, 3, 5]) * 2 ** 30 };
    if (dice < 0.5) return { ...own, metadata: [["role", pick(random, ["web", "db", "none"])]] };
    if (dice < 0.6) {
      const { id } = pick(random, [...this.#cluster.machines]);
      return { ...own, machineId: chance(random, 0.5) ? id : id.slice(0, 8) };
    }
    if (dice < 0.7)
      return {
        ...own,
        machineOf: [
          pick(
            random,
            this.#names.filter((n) => n !== name),
          ),
        ],
      };
    if (dice < 0.76) {
      const globs = ["web@*.service", "*.service", "?a*.service"];
      return { ...own, maxPerMachine: [pick(random, [1, 2]), pick(random, globs)] };
    }
    if (dice < 0.9)
      return {
        ...own,
        conflicts: [pick(random, ["web@*.service", "db.service", "?a*.service", name])],
      };
    return { ...own, replaces: [pick(random, ["log.service", "web@*.service"])] };
  }
}
