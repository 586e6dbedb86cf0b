import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import { guardSteps, needlessLocks } from "./core/guard-steps.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { MachineLease } from "./core/machine-lease.ts";
import type { LoadedUnit, Step } from "./core/reconcile.ts";
import { isThere } from "./core/restored-locks.ts";
import { textHere } from "./core/rolling-text.ts";
import { isLeased } from "./core/stop-bound.ts";
import type { Unit } from "./core/unit.ts";
import type { LeasedUnits } from "./leased-units.ts";
import type { LocalUnits } from "./local-units.ts";
import type { OnceLocks } from "./once-locks.ts";
import type { UnitFiles } from "./unit-files.ts";

export interface StartGuardOptions {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly lease: MachineLease;
  readonly leased: LeasedUnits;
  readonly locks: OnceLocks;
  readonly units: LocalUnits;
  readonly files: UnitFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called when a lock was let go of. */
  readonly onDone: () => void;
}

function unknownLock(name: UnitName): Fault {
  return new Fault(
    "LEASE_OVER",
    `Cannot start ${name}: the store was restored, and it is not known yet which machine holds its lock; it starts when that is known`,
  );
}

/** Leave to start a unit now. */
export interface Permit {
  /**
   * To be called in the same turn in which systemd is told: nothing comes between, or systemd's own gate is shut.
   * @throws {Fault} LEASE_OVER
   */
  check(): void;
  /** To be called when systemd would not begin to start it, and it is tried again. */
  notBegun(): void;
  /** To be called when systemd has answered. */
  end(): void;
}

const FREE: Permit = { check: () => {}, notBegun: () => {}, end: () => {} };

/** Sees to it that units start here only by the machine's lease, and by their lock, if they ask for that. */
export class StartGuard {
  readonly #options: StartGuardOptions;
  readonly #writing = new Map<UnitName, Promise<void>>();

  constructor(options: StartGuardOptions) {
    this.#options = options;
  }

  /** What of `steps` may be done now. Lets go of locks that nothing here needs. */
  guard(
    steps: readonly Step[],
    loaded: ReadonlyMap<UnitName, LoadedUnit>,
    busy: ReadonlySet<UnitName>,
  ) {
    const { me, feed, lease, locks, clock } = this.#options;
    const leaseHeld = lease.holds(clock.monotonicMs());
    if (feed.isFollowing && leaseHeld) this.#reclaim(loaded);
    const holder = (unit: UnitName) => locks.holderWith(unit, loaded.get(unit));
    const allowed = guardSteps(feed.model, steps, loaded, { me, leaseHeld, holder });
    this.letGo(
      locks.mine.filter((name) => !busy.has(name)),
      loaded,
      allowed,
    );
    return allowed;
  }

  /** Lets go of those locks that nothing here needs. */
  letGo(
    mine: readonly UnitName[],
    loaded: ReadonlyMap<UnitName, LoadedUnit>,
    steps: readonly Step[],
  ): void {
    const { feed, locks, signal } = this.#options;
    if (!feed.isFollowing) return;
    for (const unit of needlessLocks(mine, loaded, steps))
      this.#write(unit, () => locks.release(unit, signal));
  }

  /** Takes the locks of what runs here over what only a backup of the store says of them. */
  #reclaim(loaded: ReadonlyMap<UnitName, LoadedUnit>): void {
    const { locks, signal, feed } = this.#options;
    for (const [unit, here] of loaded)
      if (
        feed.model.jobs.get(unit)?.unit?.wants.atMostOnce === true &&
        isThere(here) &&
        locks.isUnknown(unit)
      )
        this.#write(unit, () => locks.reclaim(unit, here, signal));
  }

  /** One write of each lock at a time. */
  #write(unit: UnitName, write: () => Promise<void>): void {
    const { logger, onDone } = this.#options;
    if (this.#writing.has(unit)) return;
    const writing = write()
      .catch((error: unknown) => logger.debug({ unit, reason: reasonOf(error) }, "lock stays"))
      .finally(() => {
        this.#writing.delete(unit);
        onDone();
      });
    this.#writing.set(unit, writing);
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#writing.values());
  }

  /** To be called before the unit's files are written. */
  async loading(unit: Unit): Promise<void> {
    await this.#options.leased.loading(unit.name, isLeased(unit));
  }

  /** Finds units here by their texts that are to run by the lease and of which that is not on record any more. */
  async adopt(): Promise<void> {
    const { feed, leased, me, units } = this.#options;
    for (const name of units.names) {
      const unit = leased.has(name) ? undefined : textHere(feed.model, me, name);
      if (unit?.hash === units.get(name)?.hash && unit !== undefined && isLeased(unit))
        await leased.adopt(name);
    }
  }

  async unloaded(name: UnitName): Promise<void> {
    await this.#options.files.writeToken(name, undefined);
    await this.#options.leased.unloaded(name);
  }

  /** Gets what the unit needs to start: its lock, with the token in its place, and the lease. */
  async permit(name: UnitName, run: number, signal: AbortSignal): Promise<Permit> {
    const { leased, lease, locks, files } = this.#options;
    if (!leased.has(name)) return FREE;
    const unit = this.#unitOf(name);
    const { epoch } = lease;
    await leased.starting(name);
    try {
      this.#check(name, epoch);
      if (unit.wants.atMostOnce && locks.isUnknown(name)) throw unknownLock(name);
      if (unit.wants.atMostOnce)
        await files.writeToken(name, await locks.acquire(unit, run, signal));
      await leased.extend(signal);
    } catch (error) {
      leased.started(name);
      throw error;
    }
    const { run: systemdRun } = leased;
    return {
      check: () => {
        try {
          this.#check(name, epoch);
          locks.setUsed(name, true);
        } catch (error) {
          leased.started(name);
          throw error;
        }
      },
      notBegun: () => locks.setUsed(name, false),
      end: () => {
        leased.started(name);
        if (leased.run !== systemdRun) this.#options.units.setNotLaunched(name);
      },
    };
  }

  #check(name: UnitName, epoch: number): void {
    const { lease, clock } = this.#options;
    if (lease.epoch === epoch && lease.holds(clock.monotonicMs())) return;
    throw new Fault(
      "LEASE_OVER",
      `Cannot start ${name}: this machine has had no answer from the store for too long to run it; it starts when the machine is in touch again`,
    );
  }

  #unitOf(name: UnitName): Unit {
    const { feed, me, units } = this.#options;
    const unit = textHere(feed.model, me, name);
    if (unit !== undefined && unit.hash === units.get(name)?.hash) return unit;
    throw new Fault(
      "RECORD_MALFORMED",
      `Cannot start ${name}: the unit in the store is not the one that is loaded; it is replaced first`,
    );
  }
}
