import type { OnBite } from "#fleet/simulated-bite.ts";
import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { hashOn } from "./hash-on.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";
import type { UnitSpec } from "./unit-spec.ts";

const ONCE = "5 at most one copy of a unit that asks for it runs at any moment";
const TOKEN = "5 a later start has a greater token";
const OVER = "5 a machine's lease is over before its record expires";
const LEAVES = "5 a unit with a lease leaves a lost machine only once nothing of it is left there";
/** A machine may go on by what the store forgot for so long: a time to live of its record, by a slow clock. */
const FORGOTTEN_MS = 7_000;

/** A process of a unit that runs by a lease only. */
interface Copy {
  readonly spec: UnitSpec;
  readonly sinceMs: number;
}

/** What the check has to know of faults. */
interface Trouble {
  /** When the store forgot last what it had promised to keep for a while. */
  readonly forgotMs: number;
}

export interface OnceOptions {
  readonly cluster: SimulatedCluster;
  readonly history: RegistryHistory;
  readonly trouble: Trouble;
  readonly violations: Violations;
  readonly onBite: OnBite;
}

/** Follows the processes of units that run by a lease, by every change in every machine's systemd. */
export class OnceCheck {
  readonly #options: OnceOptions;
  /** What is there, stopping ones included, by unit and machine. */
  readonly #copies = new Map<string, Map<SimulatedMachine, Copy>>();
  readonly #tokens = new Map<string, number>();
  readonly #lastOn = new Map<string, SimulatedMachine>();
  /** Units that are stopping, and units that ended by themselves, by machine. */
  readonly #stopping = new Set<string>();
  readonly #ended = new Set<string>();

  constructor(options: OnceOptions) {
    this.#options = options;
  }

  /** Something changed about the unit in the machine's systemd just now. */
  changed(machine: SimulatedMachine, unit: string): void {
    const copies = this.#copies.get(unit);
    const isHere = copies?.has(machine) === true;
    const key = `${machine.id} ${unit}`;
    if (!machine.systemd.isRunning(unit)) {
      if (isHere && !this.#stopping.has(key)) this.#ended.add(key);
      this.#stopping.delete(key);
      copies?.delete(machine);
    } else if (!isHere) this.#begins(machine, unit, key);
    if (!isHere || machine.systemd.status(unit).activeState !== "deactivating") return;
    if (!this.#stopping.has(key) && !machine.systemd.isLeased)
      this.#options.onBite("lease of units over");
    this.#stopping.add(key);
  }

  /** Whether what ran of the unit there last ended by itself, and neither its lease nor anybody else ended it. */
  endedByItself({ id }: SimulatedMachine, unit: string): boolean {
    return this.#ended.has(`${id} ${unit}`);
  }

  /** Power is cut: nothing of what ran there ended by itself. */
  losesPower({ id }: SimulatedMachine): void {
    for (const key of this.#ended) if (key.startsWith(id)) this.#ended.delete(key);
  }

  /** What an event means at the moment it is durable. */
  told({ action, node: { key } }: KeyEvent): void {
    if (action !== "expire") return;
    const { cluster, violations, trouble } = this.#options;
    if (cluster.clock.monotonicMs() <= trouble.forgotMs + FORGOTTEN_MS) return;
    const machine = [...cluster.machines].find(
      ({ id }) => key === cluster.at.machine(id, "object"),
    );
    if (machine?.systemd.isLeased === true) violations.add(OVER, machine.name, "it is not");
  }

  /** An engine that saw the store at `index` is about to place a unit elsewhere. */
  moves(unit: string, index: number): void {
    const { history, cluster, violations, trouble } = this.#options;
    const from = history.target(unit, index);
    const machine = [...cluster.machines].find(({ id }) => id === from);
    if (machine === undefined || history.job(unit, index)?.spec?.leased === undefined) return;
    const record = history.record(machine.id, index);
    if (record === undefined || record.value !== undefined || record.by.action !== "expire") return;
    const copy = this.#copies.get(unit)?.get(machine);
    if (copy === undefined || copy.sinceMs <= trouble.forgotMs + FORGOTTEN_MS) return;
    // What began later began in touch with the store, which the engine does not see yet.
    if (copy.sinceMs < (history.ledger.timeOf(record.index) ?? 0))
      violations.add(LEAVES, `${unit} on ${machine.name}`, `at index ${index}`);
  }

  #begins(machine: SimulatedMachine, unit: string, key: string): void {
    const { cluster, history } = this.#options;
    const spec = history.specOf(unit, hashOn(machine, unit));
    this.#ended.delete(key);
    if (spec?.leased === undefined) return;
    const copies = this.#copies.get(unit) ?? new Map<SimulatedMachine, Copy>();
    this.#copies.set(unit, copies.set(machine, { spec, sinceMs: cluster.clock.monotonicMs() }));
    if (spec.leased === "once") this.#judge(machine, unit, copies);
  }

  #judge(
    machine: SimulatedMachine,
    unit: string,
    copies: ReadonlyMap<SimulatedMachine, Copy>,
  ): void {
    const { violations, trouble, onBite } = this.#options;
    const others = [...copies].filter(
      ([other, { spec, sinceMs }]) =>
        other !== machine && spec.leased === "once" && sinceMs > trouble.forgotMs + FORGOTTEN_MS,
    );
    const names = others.map(([{ name }]) => name).join(" and ");
    if (others.length > 0)
      violations.add(ONCE, unit, `starts on ${machine.name} and is on ${names}`);
    const token = machine.files.tokens.get(unit as UnitName) ?? 0;
    const before = this.#tokens.get(unit) ?? 0;
    if (token <= before) violations.add(TOKEN, unit, `${token} on ${machine.name} after ${before}`);
    this.#tokens.set(unit, token);
    const last = this.#lastOn.get(unit);
    if (last !== undefined && last !== machine) onBite("only copy moved");
    this.#lastOn.set(unit, machine);
  }
}
