import { type Logger, pino } from "pino";
import { seededRandom } from "#base/random.ts";
import type { FleetMachine } from "#fleet/fleet-machine.ts";
import type { Bite } from "#fleet/simulated-bite.ts";
import {
  SimulatedCluster,
  type SimulatedMachine,
  type SimulationHooks,
} from "#fleet/simulated-cluster.ts";
import type { SimulatedLink } from "#fleet/simulated-link.ts";
import { type Mirror, openMirror } from "#keys/mirror.ts";
import { AgentCheck, type AgentView } from "./agent-check.ts";
import type { FaultKind } from "./fault-kinds.ts";
import { Faults } from "./faults.ts";
import { FitOracle } from "./fit-oracle.ts";
import { hashOn } from "./hash-on.ts";
import { IdleCheck } from "./idle-check.ts";
import { LastWrites } from "./last-writes.ts";
import { Ledger } from "./ledger.ts";
import { LostCheck } from "./lost-check.ts";
import { observeKeys, observeSystemd } from "./observe.ts";
import { OnceCheck } from "./once-check.ts";
import { between, chance, pick } from "./pick.ts";
import { PlacementCheck } from "./placement-check.ts";
import { RecordCheck } from "./record-check.ts";
import { RegistryHistory } from "./registry-history.ts";
import type { Report } from "./report.ts";
import { RolloutCheck } from "./rollout-check.ts";
import { describeDaemon, unsettled } from "./settled-check.ts";
import { type Shape, shapeOf } from "./shape.ts";
import { StoreFuse } from "./store-fuse.ts";
import { Trace, Violations } from "./trace.ts";
import { SpecBook } from "./unit-spec.ts";
import { WatchCheck } from "./watch-check.ts";
import { Workload } from "./workload.ts";

export interface SimulationOptions {
  /** Gets every line of the trace. */
  readonly print?: (line: string) => void;
  /** Bugs that are planted on purpose. */
  readonly plant?: SimulationHooks;
  /** A kind of fault that is to happen often. */
  readonly favour?: FaultKind;
  /** A violation after which the run ends at once; it is all that is asked for. */
  readonly until?: RegExp;
}

const LIVE = "after all faults end, everything is as it should be";
const FAILED = "step failed; will be tried again";
const CRASH = "a daemon does not end by itself";
const STEP_MS = 50;
/** How long processes take to be gone after SIGKILL: all that is granted to them, but for what a job takes besides. */
const KILL_MS = [850, 940] as const;
const SENT = /^[0-9a-f]{32}$/;
/** Longer than many machines lost together are held (60 s), and what follows. */
const SETTLE_MS = 70_000;
/** Units that do not come up are waited for, a few at a time, when a machine is drained and when a text rolls out. */
const LATE_MS = 6 * 60_000;
/** Long enough for leftovers to be cleared away. */
const LONG_MS = 13 * 60_000;
/** How long it has to stay settled. */
const STEADY_MS = 8_000;
/** How much faster or slower machines' monotonic clocks run; real ones differ by less than a thousandth. */
const DRIFT_MOST = 0.02;
const METADATA = ["role=web", "role=db", "", "role=web,az=1", "az=2"];

/** Runs the whole cluster from one seed: times of trouble, each followed by a calm in which all must come right. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Report> {
  await using run = new Simulation(seed, options);
  return await run.play();
}

class Simulation implements AsyncDisposable {
  readonly #seed: number;
  readonly #random;
  readonly #cluster: SimulatedCluster;
  readonly #trace: Trace;
  readonly #violations: Violations;
  readonly #ledger: Ledger;
  readonly #history: RegistryHistory;
  readonly #oracle: FitOracle;
  readonly #lost: LostCheck;
  readonly #records: RecordCheck;
  readonly #once: OnceCheck;
  readonly #placements: PlacementCheck;
  readonly #agents: AgentCheck;
  readonly #idle: IdleCheck;
  readonly #rollouts: RolloutCheck;
  readonly #specs = new SpecBook();
  readonly #shape: Shape;
  readonly #workload: Workload;
  readonly #faults: Faults;
  readonly #lastWrites = new LastWrites();
  readonly #storeFuse: StoreFuse;
  readonly #bites = new Map<Bite, number>();
  readonly #watches: WatchCheck[] = [];
  readonly #mirrors: Mirror[] = [];
  readonly #end = new AbortController();
  /** The longest time that it took to settle. */
  #settledMs = 0;
  #lookedAtIndex = 0;

  constructor(seed: number, { print, plant = {}, favour, until }: SimulationOptions) {
    this.#seed = seed;
    this.#random = seededRandom(seed * 2 + 1);
    const random = this.#random;
    this.#trace = new Trace(() => this.#cluster?.clock.monotonicMs() ?? 0, print);
    this.#violations = new Violations(this.#trace, until);
    this.#ledger = new Ledger(this.#violations, () => this.#cluster?.clock.monotonicMs() ?? 0);
    this.#ledger.onEvent = (event) => {
      this.#records?.told(event);
      this.#once?.told(event);
      this.#rollouts?.told(event);
    };
    this.#storeFuse = new StoreFuse(() => this.#cluster?.store, this.#bite);
    const snapshotEvery = Math.round(between(random, 15, 400));
    const hooks = { snapshotEvery, ...this.#hooks(plant) };
    this.#cluster = new SimulatedCluster(seed, this.#logger(), hooks);
    this.#history = new RegistryHistory(this.#ledger, this.#cluster.at, this.#specs);
    this.#oracle = new FitOracle(this.#history);
    this.#lost = new LostCheck(this.#history, this.#violations);
    const judges = [this.#history, this.#oracle, this.#lost, this.#violations] as const;
    this.#placements = new PlacementCheck(...judges);
    this.#agents = new AgentCheck(this.#history, this.#violations, () =>
      this.#cluster.clock.monotonicMs(),
    );
    this.#idle = new IdleCheck(this.#cluster, this.#history, this.#violations);
    this.#rollouts = new RolloutCheck(this.#history, this.#violations);
    this.#shape = shapeOf(seed);
    for (let at = 0; at < this.#shape.machines; at++) {
      const name = String.fromCodePoint(97 + at);
      const drift = this.#shape.driftsMost
        ? pick(random, [-DRIFT_MOST, DRIFT_MOST])
        : between(random, -DRIFT_MOST, DRIFT_MOST);
      const machine = this.#cluster.add(name, pick(random, METADATA), 1 + drift);
      this.#history.configured.set(machine.id, machine.metadata);
    }
    const links = this.#openWatchers();
    this.#faults = new Faults(this.#cluster, random, this.#trace, links, {
      onStoreDown: () => this.#checkDisk(),
      onDeath: ({ id }) => this.#placements.ended(id),
      onPowerCut: (machine) => this.#once.losesPower(machine),
      favour: favour ?? pick(random, this.#shape.favours),
      favourMs: this.#shape.favourMs,
      storeFuse: this.#storeFuse,
    });
    this.#records = new RecordCheck(this.#cluster, this.#faults, this.#violations);
    this.#once = new OnceCheck({
      cluster: this.#cluster,
      history: this.#history,
      trouble: this.#faults,
      violations: this.#violations,
      onBite: this.#bite,
    });
    this.#workload = new Workload(this.#cluster, random, this.#specs, this.#trace, this.#shape);
  }

  async play(): Promise<Report> {
    const random = this.#random;
    const rounds = 1 + Math.floor(random() * 3);
    for (let round = 0; round < rounds && this.#violations.found.length === 0; round++) {
      await this.#trouble(between(random, ...this.#shape.troubleMs));
      await this.#calm();
    }
    if (chance(random, 0.02)) {
      this.#trace.add("long calm");
      await this.#cluster.clock.advance(LONG_MS);
      await this.#calm();
    }
    return {
      seed: this.#seed,
      violations: this.#violations.found,
      hash: this.#trace.hash,
      simulatedMs: this.#cluster.clock.monotonicMs(),
      operations: this.#workload.operations,
      faults: this.#faults.begun,
      bites: this.#bites,
      events: this.#ledger.index,
      settledMs: this.#settledMs,
    };
  }

  async #trouble(lastsMs: number): Promise<void> {
    const random = this.#random;
    const { clock } = this.#cluster;
    const endMs = clock.monotonicMs() + lastsMs;
    const { operations, faults } = this.#shape;
    const [busy, wild] = [between(random, ...operations), between(random, ...faults)];
    while (clock.monotonicMs() < endMs && !this.#violations.isEnough) {
      if (chance(random, busy)) this.#workload.act();
      if (chance(random, wild)) this.#faults.begin(lastsMs / 2);
      this.#faults.endDue(clock.monotonicMs());
      if (chance(random, 0.004)) this.#checkStore();
      await this.#step();
    }
  }

  async #calm(): Promise<void> {
    const { clock } = this.#cluster;
    const startMs = clock.monotonicMs();
    let endMs = startMs + SETTLE_MS;
    this.#faults.mendAll();
    let problems: string[] = ["nothing was looked at yet"];
    let steadyMs = 0;
    let told = "";
    while (steadyMs < STEADY_MS && clock.monotonicMs() < endMs && !this.#violations.isEnough) {
      for (let at = 0; at < 10; at++) await this.#step();
      const isRolling = this.#history.rollingOut(this.#ledger.index).length > 0;
      if (isRolling || this.#history.drains) endMs = startMs + LATE_MS + SETTLE_MS;
      const pending = this.#workload.pending + this.#faults.pending;
      problems = pending > 0 ? [`${pending} operations are under way`] : this.#unsettled();
      const [first = "all is as it should be"] = problems;
      if (first !== told) this.#trace.add(first);
      told = first;
      steadyMs = problems.length === 0 ? steadyMs + 10 * STEP_MS : 0;
      if (steadyMs === STEADY_MS / 2) this.#idle.begin();
      this.#faults.endDue(Number.POSITIVE_INFINITY);
    }
    if (this.#violations.isEnough) return;
    if (steadyMs >= STEADY_MS) this.#idle.end();
    else {
      if (problems.length === 0) problems = ["it does not stay settled"];
      const where = [...this.#cluster.machines].map(describeDaemon).join(", ");
      for (const problem of problems) this.#violations.add(LIVE, problem, where);
    }
    this.#trace.add(`settled at index ${this.#ledger.index}`);
    this.#placements.checkTold(clock.monotonicMs());
    this.#checkStore();
    this.#checkDisk();
    this.#settledMs = Math.max(this.#settledMs, clock.monotonicMs() - startMs - steadyMs);
  }

  async #step(): Promise<void> {
    await this.#cluster.clock.advance(STEP_MS);
    const nowMs = this.#cluster.clock.monotonicMs();
    this.#lastWrites.look(this.#cluster.machines, nowMs);
    this.#lost.look(this.#cluster.machines, this.#cluster.store.speed.delayMaxMs, nowMs);
    this.#placements.flush();
    this.#records.look();
  }

  #unsettled(): string[] {
    const indexBefore = this.#lookedAtIndex;
    this.#lookedAtIndex = this.#ledger.index;
    return unsettled({
      indexBefore,
      cluster: this.#cluster,
      history: this.#history,
      oracle: this.#oracle,
      watches: this.#watches,
      mirrors: this.#mirrors,
      hasEnded: (machine, unit, spec) =>
        spec.leased === undefined
          ? this.#agents.hasStarted(this.#view(machine), unit)
          : this.#once.endedByItself(machine, unit),
    });
  }

  #checkStore(): void {
    const { server } = this.#cluster.store;
    if (server !== undefined) this.#ledger.checkServer(server);
  }

  #checkDisk(): void {
    this.#ledger.checkDisk(this.#cluster.store.disk);
  }

  #openWatchers(): SimulatedLink[] {
    const { clock, random, at } = this.#cluster;
    const links: SimulatedLink[] = [];
    const open = () => {
      const link = this.#cluster.link();
      links.push(link);
      return observeKeys(link, { ledger: this.#ledger, violations: this.#violations });
    };
    for (const [key, recursive] of [
      [at.prefix, true],
      [`${at.prefix}/job`, true],
      [at.lease, false],
      ["/", true],
    ] as const) {
      const watched = { keys: open(), key, recursive };
      this.#watches.push(new WatchCheck(watched, clock, this.#ledger, this.#violations));
    }
    this.#mirrors.push(openMirror(open(), at.prefix, { clock, random }));
    for (const watch of this.#watches) void watch.run(this.#end.signal);
    return links;
  }

  #hooks(plant: SimulationHooks): SimulationHooks {
    const { wrapLog = (log) => log, wrapKeys = (keys) => keys } = plant;
    const { wrapSystemd = (systemd) => systemd } = plant;
    return {
      ...plant,
      onBite: this.#bite,
      wrapLog: (log) => this.#storeFuse.around(this.#ledger.around(wrapLog(log))),
      wrapKeys: (keys, machine) =>
        wrapKeys(
          observeKeys(keys, {
            ledger: this.#ledger,
            violations: this.#violations,
            onWrite: (key) => this.#records?.writes(machine, key),
            onCleared: () => this.#bite("history lost"),
            onRefused: (unit) => this.#placements.refused(machine.id, unit),
            onTarget: (write) => {
              const { index } = this.#view(machine);
              this.#trace.add(`${machine.name} targets ${write.unit} to ${write.to ?? "nowhere"}`);
              if (write.to !== undefined) this.#once.moves(write.unit, index);
              this.#placements.sent(machine.id, this.#cluster.clock.monotonicMs(), index, write);
            },
          }),
          machine,
        ),
      wrapSystemd: (systemd, machine) => {
        const { boot } = machine;
        return wrapSystemd(
          observeSystemd(systemd, {
            starts: (unit) => this.#asked("starts", machine, unit),
            stops: (unit) => this.#asked("stops", machine, unit),
            loses: (unit) => this.#agents.forgets({ machine: machine.id, boot }, unit),
          }),
          machine,
        );
      },
      killMs: KILL_MS,
      onUnit: (machine, unit) => this.#once?.changed(machine, unit),
      onStart: (daemon, machine) => {
        this.#placements?.ended(machine.id);
        void this.#begins(machine, this.#lastWrites.unsureSinceMs(machine));
        plant.onStart?.(daemon, machine);
        this.#guard(daemon, machine);
      },
    };
  }

  /** What a daemon that starts can know of what the one before it started. */
  async #begins(machine: SimulatedMachine, sinceMs: number): Promise<void> {
    const { id, boot, files } = machine;
    const { launched = [] } = (await files.readLaunched()) ?? {};
    this.#agents?.remembers({ machine: id, boot }, launched, sinceMs);
  }

  readonly #bite = (bite: Bite): void =>
    void this.#bites.set(bite, (this.#bites.get(bite) ?? 0) + 1);

  #asked(what: "starts" | "stops", machine: SimulatedMachine, unit: string): void {
    this.#trace.add(`${machine.name} ${what} ${unit}`);
    this.#agents[what](this.#view(machine), unit, hashOn(machine, unit));
  }

  #view(machine: SimulatedMachine): AgentView {
    const { id, name, boot, daemon } = machine;
    const index = daemon?.feed.index ?? 0;
    const { leaseRun } = machine.systemd;
    return { machine: id, name, boot, leaseRun, index, isLeaving: this.#faults.isLeaving(machine) };
  }

  /** Nobody may end a daemon but the simulation. */
  #guard(daemon: FleetMachine, machine: SimulatedMachine): void {
    const { process } = machine;
    const told = (how: string) => {
      if (machine.daemon === daemon && machine.process === process && !this.#end.signal.aborted)
        this.#violations.add(CRASH, machine.name, how);
    };
    daemon.ended.then(
      () => {}, // it was told to
      (error: unknown) => told(error instanceof Error ? (error.stack ?? error.message) : ""),
    );
  }

  #logger(): Logger {
    const write = (line: string) => this.#hear(JSON.parse(line) as Record<string, string>);
    return pino({ level: "info", base: null, timestamp: false }, { write });
  }

  #hear(record: Record<string, string>): void {
    const { msg, unit, step, reason = "", part, machine: name = "", run } = record;
    this.#trace.add(`log ${JSON.stringify(record)}`);
    if (msg === "engine follows") this.#bite("lease lost");
    // Drains log of the machine where a unit arrives.
    if (unit === undefined || (part !== "engine" && part !== "agent") || SENT.test(name)) return;
    const machine = this.#cluster.machine(name);
    // Nothing of what a killed daemon goes on to do gets out, also when the next one is there.
    if (machine.process.isKilled || run !== String(machine.run)) return;
    if (part === "engine" && msg !== "unit waits") this.#placements.told(machine.id, unit, reason);
    if (msg === FAILED) this.#agents.failed(this.#view(machine), unit);
    if (msg !== "step" || part !== "agent" || step === undefined) return;
    this.#agents.decided(this.#view(machine), unit, { kind: step, reason }, hashOn(machine, unit));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#faults.mendAll();
    for (const { name } of this.#cluster.machines)
      await this.#cluster.whileTimePasses(this.#cluster.killDaemon(name));
    for (const mirror of this.#mirrors)
      await this.#cluster.whileTimePasses(mirror[Symbol.asyncDispose]());
    await this.#cluster[Symbol.asyncDispose]();
  }
}
