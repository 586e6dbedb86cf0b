import type { SimulatedMachine } from "#fleet/simulated-cluster.ts";
import type { Way } from "#fleet/simulated-link.ts";
import type { SimulatedProcess } from "#fleet/simulated-process.ts";
import { type Reach, Reachability } from "./reachability.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";

/** A unit is taken away from a machine that has no record. */
export interface Taking {
  readonly unit: string;
  /** Whether it runs by its machine's lease only. */
  readonly isLeased: boolean;
  readonly machine: string;
  readonly engine: string;
  /** What the engine's view was at. */
  readonly index: number;
  readonly atMs: number;
}

const LOST = "6 nobody is lost because of what cannot be seen";
/** Whoever was well for so long has its record: a time to live, and a second for clocks that drift and views that are late. */
const WELL_MS = 7_000;
/** As simulated machines are set up, with room for clocks that drift. */
const HOLD_MS = 60_000 * 0.98;
/** A time to live, in the same way. */
const TTL_MS = 6_000 * 0.98;
/** Records that expire this soon after each other went together, whoever looks. */
const TOGETHER_MS = 3_000;
/** Whoever can be asked for so long is asked within it, and has answered. */
const ASKED_MS = 3_200;
/** With a store that takes longer at most, a machine may not come to renew its record or to register in time. */
const SLOW_MS = 1_000;
/** A way that takes longer at most is no good one. */
const LATE_MS = 100;

/** Judges when engines take a machine that cannot be seen for lost. */
export class LostCheck {
  readonly #history: RegistryHistory;
  readonly #violations: Violations;
  /** Since when nothing ails each machine, its daemon and its way to the store; and the run of the daemon. */
  readonly #well = new Map<string, { readonly process: SimulatedProcess; sinceMs: number }>();
  readonly #reachability = new Reachability();

  constructor(history: RegistryHistory, violations: Violations) {
    this.#history = history;
    this.#violations = violations;
  }

  /** To be called now and then, for it only knows what it sees; `storeMs` is what a write takes at most. */
  look(machines: Iterable<SimulatedMachine>, storeMs: number, nowMs: number): void {
    for (const machine of machines) {
      const { id, process } = machine;
      this.#reachability.add(id, reachOf(machine), nowMs);
      const known = this.#well.get(id);
      if (known?.process !== process) this.#well.set(id, { process, sinceMs: nowMs });
      else if (!isWell(machine) || storeMs > SLOW_MS) known.sinceMs = nowMs;
    }
  }

  takes(taking: Taking): void {
    const sinceMs = this.#expiredMs(taking.machine, taking.index);
    // A record that was removed says so, and one that is there is no matter of this.
    if (sinceMs === undefined) return;
    const { atMs } = taking;
    const wellMs = atMs - (this.#well.get(taking.machine)?.sinceMs ?? atMs);
    if (wellMs > WELL_MS) this.#tell(taking, `it was well for ${Math.round(wellMs)} ms`);
    if (atMs - sinceMs < HOLD_MS && !this.#hasStopped(taking, sinceMs))
      this.#judgeMany(taking, sinceMs);
  }

  /** Who answers without a record has stopped its leased units, however many others went with it. */
  #hasStopped({ isLeased, machine, atMs }: Taking, goneMs: number): boolean {
    return isLeased && this.#answeredBy(machine, goneMs, atMs);
  }

  /**
   * Of more than half of all machines that went together nobody is lost yet. Those that are back or answer do not count
   * once the missing one could not be asked for a time to live since.
   */
  #judgeMany(taking: Taking, sinceMs: number): void {
    const { machine, index, atMs } = taking;
    const silentFromMs = atMs - TTL_MS;
    const vanished = this.#history.everyMachine(index).filter((other) => {
      const ms = this.#expiredMs(other, index);
      return ms !== undefined && Math.abs(ms - sinceMs) < TOGETHER_MS;
    });
    const answers = this.#reachability.isFor(machine, "surely", ASKED_MS, silentFromMs);
    const together = vanished.filter(
      (other) => answers || other === machine || !this.#answeredBy(other, sinceMs, silentFromMs),
    ).length;
    const all = this.#history.machines(index).length + vanished.length;
    if (together >= 2 && together > all / 2)
      this.#tell(
        taking,
        `${together} of ${all} went together ${Math.round(atMs - sinceMs)} ms ago, ` +
          (answers ? "and it can answer" : "and no others have answered for long enough"),
      );
  }

  /** Whether a machine that went at about the same time may have answered somebody by then. */
  #answeredBy(machine: string, goneMs: number, atMs: number): boolean {
    return this.#reachability.wasBetween(machine, "maybe", goneMs - TOGETHER_MS, atMs);
  }

  /** When the machine's record expired, if that is why it is not there. */
  #expiredMs(machine: string, index: number): number | undefined {
    const version = this.#history.record(machine, index);
    if (version === undefined || version.value !== undefined) return undefined;
    return version.by.action === "expire" ? this.#history.ledger.timeOf(version.index) : undefined;
  }

  #tell({ unit, machine, engine, index }: Taking, what: string): void {
    this.#violations.add(LOST, `${unit} from ${machine}`, `${what}; ${engine} saw index ${index}`);
  }
}

function reachOf(machine: SimulatedMachine): Reach {
  const { out, back } = machine.link;
  if (!isAwake(machine) || out.isBlocked || back.isBlocked) return "never";
  return isGood(out) && isGood(back) ? "surely" : "maybe";
}

function isAwake({ daemon, process }: SimulatedMachine): boolean {
  return daemon !== undefined && !process.isPaused && !process.isKilled;
}

function isGood({ isBlocked, loss, delayMs: [, most] }: Way): boolean {
  return !isBlocked && loss === 0 && most < LATE_MS;
}

function isWell(machine: SimulatedMachine): boolean {
  const { daemon, disk, link } = machine;
  const isUp = daemon?.isRegistered === true && isAwake(machine);
  return isUp && isGood(link.out) && isGood(link.back) && disk.delayMaxMs === 0;
}
