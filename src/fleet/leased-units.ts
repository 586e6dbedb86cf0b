import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { MachineLease } from "./core/machine-lease.ts";
import { isRunning } from "./core/reconcile.ts";
import type { LocalUnits } from "./local-units.ts";
import type { LeaseRecord, UnitFiles } from "./unit-files.ts";

export interface LeasedUnitsOptions {
  readonly systemd: Systemd;
  readonly files: UnitFiles;
  readonly units: LocalUnits;
  readonly lease: MachineLease;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tell: (what: string, unit: UnitName, why: string) => void;
}

/**
 * The units here that run by the machine's lease only. systemd stops them when it is over; this extends it there, and
 * tells which of them are to be started again: those that did not end by themselves before.
 */
export class LeasedUnits {
  readonly #options: LeasedUnitsOptions;
  readonly #names: Set<UnitName>;
  /** Those that ended by themselves. */
  readonly #ended: Set<UnitName>;
  /** Those whose start is under way. */
  readonly #starting = new Set<UnitName>();
  /** The time since the lease began, as systemd names it. */
  #run: string;
  /** Up to when systemd was told that the lease goes. */
  #armedMs = Number.NEGATIVE_INFINITY;
  #arming: Promise<void> | undefined;
  /** Whether the record differs from what is so: writing it failed, or it has units that are not here any more. */
  #isWriteDue: boolean;

  private constructor(options: LeasedUnitsOptions, record: LeaseRecord | undefined) {
    const here = new Set<string>(options.units.names);
    const isHere = (name: string) => here.has(name);
    const { run = "", leased = [], ended = [] } = record ?? {};
    this.#options = options;
    this.#names = new Set(leased.filter(isHere) as UnitName[]);
    this.#ended = new Set(ended.filter(isHere) as UnitName[]);
    this.#run = run;
    this.#isWriteDue = this.#names.size !== leased.length;
  }

  static async open(options: LeasedUnitsOptions): Promise<LeasedUnits> {
    return new LeasedUnits(options, await options.files.readLease());
  }

  /** To be called before the unit's files are there. */
  async loading(name: UnitName, isLeased: boolean): Promise<void> {
    const { size } = this.#names;
    if (isLeased) this.#names.add(name);
    else this.#names.delete(name);
    this.#ended.delete(name);
    if (this.#names.size !== size) this.#isWriteDue = true;
    if (this.#isWriteDue) await this.#write();
  }

  /** A unit whose files are here runs by the lease, and the record of that is lost. */
  async adopt(name: UnitName): Promise<void> {
    this.#names.add(name);
    await this.#record();
  }

  async unloaded(name: UnitName): Promise<void> {
    if (!this.#names.delete(name)) return;
    this.#ended.delete(name);
    this.#starting.delete(name);
    await this.#record();
  }

  /** The time since the lease began, as systemd names it. */
  get run(): string {
    return this.#run;
  }

  has(name: UnitName): boolean {
    return this.#names.has(name);
  }

  /** A start of the unit begins; what systemd says of it means nothing until `started`. */
  async starting(name: UnitName): Promise<void> {
    this.#starting.add(name);
    if (this.#ended.delete(name)) await this.#record();
  }

  started(name: UnitName): void {
    this.#starting.delete(name);
  }

  /**
   * Notes which units have ended by themselves: they do not run, and the lease was not over when that was seen. One that
   * runs again, whoever started it, has not ended any more.
   */
  async look(): Promise<void> {
    if (this.#options.clock.monotonicMs() >= this.#armedMs) return;
    let changed = false;
    for (const name of this.#names) {
      const unit = this.#options.units.get(name);
      const isOver = unit?.activeState === "inactive" || unit?.activeState === "failed";
      if (isOver === this.#ended.has(name)) continue;
      if (unit !== undefined && isRunning(unit.activeState)) this.#ended.delete(name);
      else if (isOver && unit.launched && !this.#starting.has(name)) this.#ended.add(name);
      else continue;
      changed = true;
    }
    if (changed) await this.#record();
  }

  /**
   * Has systemd know how long the lease goes now; nothing to do where no unit needs it, or when it is over. Gives
   * whether units may have to be started again.
   */
  async extend(signal: AbortSignal): Promise<boolean> {
    const before = this.#run;
    while (this.#arming !== undefined) await this.#arming.catch(() => {});
    const { lease, clock } = this.#options;
    if (this.#names.size === 0 || lease.untilMs <= this.#armedMs) return false;
    if (!lease.holds(clock.monotonicMs())) return false;
    const arming = this.#extend(signal);
    this.#arming = arming.finally(() => (this.#arming = undefined));
    this.#arming.catch(() => {}); // awaited below, and by who waits for its end
    await arming;
    return this.#run !== before;
  }

  async #extend(signal: AbortSignal): Promise<void> {
    const { systemd, lease, units } = this.#options;
    const { untilMs } = lease;
    const run = await systemd.extendLease(untilMs, signal);
    if (run !== this.#run) {
      // systemd stopped those that still ran, and refused to start others.
      for (const name of this.#names) this.#tellStopped(name);
      await units.record();
      this.#run = run;
      await this.#record();
    }
    this.#armedMs = untilMs;
  }

  #tellStopped(name: UnitName): void {
    const { units, tell } = this.#options;
    if (this.#ended.has(name) || this.#starting.has(name)) return;
    // Before the first lease there was none to be over.
    if (this.#run !== "" && units.get(name)?.launched === true)
      tell("stopped", name, "the machine was out of touch with the store for too long to run it");
    units.setNotLaunched(name);
  }

  /** As well as it goes: without it a daemon that starts anew starts units again that had ended by themselves. */
  async #record(): Promise<void> {
    await this.#write().catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
      this.#options.logger.warn({ reason: error.message }, "cannot note the lease of units");
    });
  }

  async #write(): Promise<void> {
    const leased = [...this.#names].sort();
    await this.#options.files.writeLease({
      run: this.#run,
      leased,
      ended: [...this.#ended].sort(),
    });
    this.#isWriteDue = false;
  }
}
