import { Fault } from "#base/fault.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import { type OnceHolder, writeOnceHolder } from "./core/once-holder.ts";
import type { LoadedUnit } from "./core/reconcile.ts";
import { isThere, reclaimedLock } from "./core/restored-locks.ts";
import { stopBoundMs } from "./core/stop-bound.ts";
import type { Unit } from "./core/unit.ts";
import type { Versioned } from "./core/unit-notes.ts";
import { unknownRun } from "./core/unknown-run.ts";
import { isKeysError, type Registry } from "./registry.ts";

/** In place of who may hold a lock of which that is not known: no machine has such an id. */
const UNKNOWN_HOLDER = { value: { machine: "that cannot be told yet" as MachineId }, index: 0 };

/**
 * A machine's locks of units of which at most one copy may run. What this machine wrote counts at once, before the
 * mirror shows it.
 */
export class OnceLocks {
  readonly #me: MachineId;
  readonly #feed: ClusterFeed;
  readonly #registry: Registry;
  /** What was written, undefined for let go of, and at which index the model shows it. */
  readonly #written = new Map<
    UnitName,
    { holder: Versioned<OnceHolder> | undefined; index: number }
  >();

  /** Units whose lock was taken and that systemd was not told to start since. */
  readonly #unused = new Set<UnitName>();

  constructor(me: MachineId, feed: ClusterFeed, registry: Registry) {
    this.#me = me;
    this.#feed = feed;
    this.#registry = registry;
  }

  /** Who holds the unit's lock, as far as is known here. */
  holder(unit: UnitName): Versioned<OnceHolder> | undefined {
    const written = this.#written.get(unit);
    if (written !== undefined && written.index > this.#feed.index) return written.holder;
    this.#written.delete(unit);
    return this.#feed.model.notes.once.get(unit);
  }

  /** Whether only a backup of the store says who holds the unit's lock: what runs may go on, nothing else starts. */
  isUnknown(unit: UnitName): boolean {
    return !this.#written.has(unit) && this.#feed.lockUnknownUntilMs(unit) !== undefined;
  }

  /** The same of a unit that may be here: it then holds its lock for as long as that is not known. */
  holderWith(unit: UnitName, here: LoadedUnit | undefined): Versioned<OnceHolder> | undefined {
    if (!this.isUnknown(unit)) return this.holder(unit);
    return isThere(here) ? reclaimedLock(this.#feed.model, this.#me, unit, here) : UNKNOWN_HOLDER;
  }

  /** Units whose lock this machine holds. */
  get mine(): UnitName[] {
    const units = new Set([...this.#feed.model.notes.once.units(), ...this.#written.keys()]);
    const isMine = (unit: UnitName) => this.holder(unit)?.value.machine === this.#me;
    return [...units].filter((unit) => isMine(unit) && !this.isUnknown(unit)).sort();
  }

  /** Takes the lock of a unit that runs here over what only a backup says; KeysError 100, 101 or 105 when that is not so. */
  async reclaim(unit: UnitName, here: LoadedUnit, signal: AbortSignal): Promise<void> {
    const { value, index: over } = reclaimedLock(this.#feed.model, this.#me, unit, here);
    const seen = over === 0 ? undefined : over;
    const index = await this.#registry.takeOnce(unit, writeOnceHolder(value), seen, signal);
    this.#written.set(unit, { holder: { value, index }, index });
  }

  /**
   * Takes the unit's lock, or takes its own anew. Gives the fencing token, which is greater than any before it.
   * Rejects with KeysError 100, 101 or 105 when somebody else has it, or had it meanwhile, and with RUN_UNKNOWN when this
   * run may have begun under it already; that is then its result.
   */
  async acquire(unit: Unit, generation: number, signal: AbortSignal): Promise<number> {
    const run = { generation, hash: unit.hash };
    const value = { machine: this.#me, stopMs: stopBoundMs(unit), run };
    const before = this.holder(unit.name);
    if (
      before?.value.machine === this.#me &&
      (await this.#noteUnknown(unit.name, before.value, signal))
    )
      throw new Fault(
        "RUN_UNKNOWN",
        `Cannot start ${unit.name} for the same run again: it was cut off and may run at most once; ask for it anew with fleetctl restart`,
      );
    const over = before?.value.machine === this.#me ? before.index : undefined;
    const index = await this.#registry.takeOnce(unit.name, writeOnceHolder(value), over, signal);
    this.#written.set(unit.name, { holder: { value, index }, index });
    this.#unused.add(unit.name);
    return index;
  }

  /** systemd is told to start the unit under its lock, or did not begin to. */
  setUsed(unit: UnitName, isUsed: boolean): void {
    if (isUsed) this.#unused.delete(unit);
    else this.#unused.add(unit);
  }

  /** Notes that a run which began under the lock has an unknown end, if so. */
  async #noteUnknown(unit: UnitName, holder: OnceHolder, signal: AbortSignal): Promise<boolean> {
    if (this.#unused.has(unit)) return false;
    const unknown = unknownRun(this.#feed.model, unit, holder);
    if (unknown === undefined) return false;
    await this.#registry.noteUnknown(unit, unknown, signal);
    return true;
  }

  /** Lets go of the unit's lock if this machine has it. */
  async release(unit: UnitName, signal: AbortSignal): Promise<void> {
    const holder = this.holder(unit);
    if (holder?.value.machine !== this.#me) return;
    await this.#noteUnknown(unit, holder.value, signal);
    try {
      const index = await this.#registry.releaseOnce(unit, holder.index, signal);
      this.#written.set(unit, { holder: undefined, index });
      this.#unused.delete(unit);
    } catch (error) {
      if (!isKeysError(error, 100, 101)) throw error; // it is not ours any more
    }
  }
}
