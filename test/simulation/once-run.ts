import { type Logger, pino } from "pino";
import { Fault } from "#base/fault.ts";
import { type Random, seededRandom } from "#base/random.ts";
import {
  SimulatedCluster,
  type SimulatedMachine,
  type SimulationHooks,
} from "#fleet/simulated-cluster.ts";
import { hashOf } from "#fleet/unit-files.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { FaultKind } from "./fault-kinds.ts";
import { Faults } from "./faults.ts";
import { between, chance, pick } from "./pick.ts";
import { StoreFuse } from "./store-fuse.ts";
import { Trace, Violations } from "./trace.ts";

/** What a run came to. */
export interface OnceReport {
  readonly violations: readonly string[];
  readonly hash: string;
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** How often a unit started somewhere, and how often on another machine than before. */
  readonly starts: number;
  readonly moves: number;
  /** How often systemd ended a lease that units ran by. */
  readonly lapses: number;
}

export interface OnceOptions {
  readonly print?: (line: string) => void;
  /** A bug that is planted on purpose. */
  readonly plant?: SimulationHooks;
}

const ONCE = "5 at most one copy runs at any moment";
const TOKEN = "5 a later start has a greater token";
const LIVE = "what is to run runs when the faults are over";
const NAMES = ["a@1.service", "a@2.service", "b.service"] as UnitName[];
const SERVICES: readonly (readonly string[])[] = [
  ["ExecStart=/bin/sleep infinity"],
  // Takes all of its stop time.
  ["ExecStart=/bin/sleep infinity", "ExecStop=/bin/sleep 60", "TimeoutStopSec=2"],
  ["ExecStart=/bin/sleep infinity", "ExecStop=/bin/sleep 1"],
];
/** What the promise does not stand: clocks of the store that leap, and a store that is emptied. */
const WITHOUT: readonly FaultKind[] = ["leap", "wipe", "flood"];
const STEP_MS = 10;
/** Longer than many machines lost together are held, a wait for a stop, and what follows. */
const SETTLE_MS = 120_000;

/** Runs units of which at most one copy may run through all kinds of trouble, and looks at them at every moment. */
export async function simulateOnce(seed: number, options: OnceOptions = {}): Promise<OnceReport> {
  await using run = new OnceRun(seed, options);
  return await run.play();
}

class OnceRun implements AsyncDisposable {
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #trace: Trace;
  readonly #violations: Violations;
  readonly #faults: Faults;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #isLeased = new Map<SimulatedMachine, boolean>();
  /** Where each unit was seen last, and with which token it was started there. */
  readonly #seen = new Map<UnitName, { at: SimulatedMachine; token: number }>();
  readonly #runs = new Set<UnitName>();
  #starts = 0;
  #moves = 0;
  #lapses = 0;

  constructor(seed: number, { print, plant }: OnceOptions) {
    const random = seededRandom(seed * 2 + 1);
    this.#random = random;
    this.#trace = new Trace(() => this.#cluster?.clock.monotonicMs() ?? 0, print);
    this.#violations = new Violations(this.#trace);
    const storeFuse = new StoreFuse(
      () => this.#cluster?.store,
      () => {},
    );
    const hooks = { wrapLog: storeFuse.around.bind(storeFuse), ...plant };
    this.#cluster = new SimulatedCluster(seed, this.#logger(), hooks);
    for (const name of ["a", "b", "c", "d"].slice(0, 3 + Math.round(random())))
      this.#cluster.add(name, "", 1 + between(random, -0.01, 0.01));
    this.#faults = new Faults(this.#cluster, random, this.#trace, [], {
      onStoreDown: () => {},
      onDeath: () => {},
      favour: pick(random, ["pause", "cut both", "cut back", "kill"] as const),
      storeFuse,
      without: WITHOUT,
    });
  }

  async play(): Promise<OnceReport> {
    for (const name of NAMES) this.#act(() => this.#submit(name));
    await this.#pass(5_000);
    for (let round = 0; round < 2 && this.#violations.found.length === 0; round++) {
      await this.#trouble(between(this.#random, 20_000, 60_000));
      await this.#calm();
    }
    return {
      violations: this.#violations.found,
      hash: this.#trace.hash,
      faults: this.#faults.begun,
      starts: this.#starts,
      moves: this.#moves,
      lapses: this.#lapses,
    };
  }

  async #trouble(lastsMs: number): Promise<void> {
    const { clock } = this.#cluster;
    const endMs = clock.monotonicMs() + lastsMs;
    while (clock.monotonicMs() < endMs && this.#violations.found.length === 0) {
      if (chance(this.#random, 0.02)) this.#act(() => this.#operate());
      if (chance(this.#random, 0.02)) this.#faults.begin(lastsMs / 2);
      this.#faults.endDue(clock.monotonicMs());
      await this.#pass(50);
    }
  }

  /** Every unit is asked for again, and has to run at the end. */
  async #calm(): Promise<void> {
    const { clock } = this.#cluster;
    this.#faults.mendAll();
    while (this.#faults.pending > 0) {
      this.#faults.endDue(Number.POSITIVE_INFINITY);
      await this.#pass(500);
    }
    for (const name of NAMES) this.#act(() => this.#submit(name));
    const endMs = clock.monotonicMs() + SETTLE_MS;
    const missing = () => NAMES.filter((name) => this.#cluster.where(name).length === 0);
    while (this.#pending.size + missing().length > 0 && clock.monotonicMs() < endMs)
      await this.#pass(500);
    for (const name of missing()) this.#violations.add(LIVE, name, "runs nowhere");
  }

  /** What people do, and what an engine does that knows neither leases nor locks. */
  async #operate(): Promise<void> {
    const random = this.#random;
    const { registry, signal, machines } = this.#cluster;
    const name = pick(random, NAMES);
    const dice = random();
    if (dice < 0.3) return this.#submit(name);
    this.#trace.add(`${dice < 0.45 ? "destroy" : dice < 0.6 ? "stop" : "move"} ${name}`);
    if (dice < 0.45) return void (await registry.destroyJob(name, hashOf(""), signal));
    if (dice < 0.6) return void (await registry.setDesired(name, "inactive", signal));
    const all = [...machines];
    await registry.move(name, pick(random, all).id, pick(random, all).id, signal);
  }

  async #submit(name: UnitName): Promise<void> {
    const raw = `[Service]\n${pick(this.#random, SERVICES).join("\n")}\n\n[X-Fleet]\nAtMostOnce=yes\n`;
    this.#trace.add(`submit ${name}`);
    const known = { blobInUse: false, tombstone: true, replaces: true };
    const { registry, signal } = this.#cluster;
    await registry.createJob(name, raw, "launched", known, signal);
  }

  /** Begins what may fail as the store has it. */
  #act(work: () => Promise<void>): void {
    const done = work()
      .catch((error: unknown) => {
        if (!(error instanceof KeysError) && !(error instanceof Fault)) throw error;
      })
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  async #pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += STEP_MS) {
      await this.#cluster.clock.advance(STEP_MS);
      this.#look();
    }
  }

  #look(): void {
    const alive = new Map<string, SimulatedMachine[]>();
    for (const machine of this.#cluster.machines) {
      const { isLeased } = machine.systemd;
      if (!isLeased && this.#isLeased.get(machine) === true) this.#lapses += 1;
      this.#isLeased.set(machine, isLeased);
      for (const unit of machine.systemd.running())
        alive.set(unit, [...(alive.get(unit) ?? []), machine]);
    }
    for (const name of NAMES) {
      const [at, ...others] = alive.get(name) ?? [];
      if (at === undefined) this.#runs.delete(name);
      else if (others.length > 0)
        this.#violations.add(ONCE, name, [at, ...others].map((one) => one.name).join(" and "));
      else this.#sees(name, at);
    }
  }

  #sees(name: UnitName, at: SimulatedMachine): void {
    if (this.#runs.has(name)) return;
    this.#runs.add(name);
    this.#starts += 1;
    const token = at.files.tokens.get(name) ?? 0;
    const before = this.#seen.get(name);
    if (before !== undefined && before.at !== at) this.#moves += 1;
    if (token <= (before?.token ?? 0))
      this.#violations.add(TOKEN, name, `${token} on ${at.name} after ${before?.token ?? 0}`);
    this.#seen.set(name, { at, token });
    this.#trace.add(`${name} starts on ${at.name} with token ${token}`);
  }

  #logger(): Logger {
    const write = (line: string) => this.#trace.add(`log ${line.trim()}`);
    return pino({ level: "info", base: null, timestamp: false }, { write });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#faults.mendAll();
    for (const { name } of this.#cluster.machines)
      await this.#cluster.whileTimePasses(this.#cluster.killDaemon(name));
    await this.#cluster[Symbol.asyncDispose]();
  }
}
