import { reasonOf } from "#base/fault.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isOriginal } from "./core/daemon-version.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { OnceHolder } from "./core/once-holder.ts";
import { type MachineRecord, readMachine } from "./core/records.ts";
import { stopBoundMs } from "./core/stop-bound.ts";
import type { Versioned } from "./core/unit-notes.ts";
import { unknownRun } from "./core/unknown-run.ts";
import type { EngineMeans } from "./engine-means.ts";

export interface OnceBreakerOptions extends EngineMeans {
  /** Who breaks them, such as `engine`. */
  readonly as: "engine" | "agent";
}

/**
 * Breaks locks of units of which at most one copy may run: those that others wait for and whose holder has been gone, or
 * has had the original's daemon, for longer than it may have taken to stop its copy.
 */
export class OnceBreaker {
  readonly #options: OnceBreakerOptions;
  /** Since when machines that hold locks were seen to have the original's daemon, which renews no lease. */
  readonly #originalSince = new Map<MachineId, number>();

  constructor(options: OnceBreakerOptions) {
    this.#options = options;
  }

  /** Gives when the next lock may be broken, by the monotonic clock; undefined when none is waited for. */
  async run(
    signal: AbortSignal,
    concerns: (unit: UnitName) => boolean = () => true,
  ): Promise<number | undefined> {
    const { feed, clock, logger } = this.#options;
    this.#lookForOriginals();
    let againAtMs: number | undefined;
    for (const unit of [...feed.model.notes.once.units()].sort()) {
      const holder = feed.model.notes.once.get(unit);
      if (holder === undefined || !this.#isWaitedFor(unit, holder.value.machine)) continue;
      if (!concerns(unit)) continue;
      const dueMs = this.#dueMs(unit, holder.value);
      if (dueMs === undefined || !Number.isFinite(dueMs)) continue;
      if (clock.monotonicMs() < dueMs) againAtMs = Math.min(againAtMs ?? dueMs, dueMs);
      else
        await this.#break(unit, holder, signal).catch((error: unknown) => {
          if (signal.aborted) throw error;
          logger.warn({ unit, reason: reasonOf(error) }, "could not break a lock");
        });
    }
    return againAtMs;
  }

  #lookForOriginals(): void {
    const { clock, feed } = this.#options;
    const { machines, notes } = feed.model;
    const holders = new Set(
      [...notes.once.units()].map((unit) => notes.once.get(unit)?.value.machine),
    );
    const originals = [...holders].filter(
      (id) => id !== undefined && isOriginalsOwn(machines.get(id)),
    );
    for (const id of this.#originalSince.keys())
      if (!originals.includes(id)) this.#originalSince.delete(id);
    for (const id of originals)
      if (!this.#originalSince.has(id!)) this.#originalSince.set(id!, clock.monotonicMs());
  }

  /** By when the holder has stopped its copy; undefined while that cannot be told. */
  #dueMs(unit: UnitName, holder: OnceHolder): number | undefined {
    const { feed } = this.#options;
    const stopMs = this.#stopMs(unit, holder);
    const sinceMs = this.#originalSince.get(holder.machine);
    const dueMs =
      sinceMs === undefined
        ? feed.mayRunUntilMs(holder.machine, stopMs)
        : sinceMs + feed.longestLeaseMs(holder.machine) + stopMs;
    return dueMs && Math.max(dueMs, feed.lockUnknownUntilMs(unit) ?? dueMs);
  }

  #isWaitedFor(unit: UnitName, holder: MachineId): boolean {
    const { model } = this.#options.feed;
    if (model.machines.has(holder) && !this.#originalSince.has(holder)) return false;
    const job = model.jobs.get(unit);
    return job?.hash === undefined || (job.target !== undefined && job.target.value !== holder);
  }

  #stopMs(unit: UnitName, { stopMs }: OnceHolder): number {
    if (stopMs !== undefined) return stopMs;
    const now = this.#options.feed.model.jobs.get(unit)?.unit;
    return now === undefined ? Number.POSITIVE_INFINITY : stopBoundMs(now);
  }

  /** Only as it was seen: a holder that came back has taken its lock anew before it started anything. */
  async #break(unit: UnitName, { value, index }: Versioned<OnceHolder>, signal: AbortSignal) {
    const { as, me, registry, events } = this.#options;
    const { machine } = value;
    const hasOriginal = this.#originalSince.has(machine);
    // The mirror may be behind, and the holder back.
    const { object } = await registry.readMachine(machine, signal);
    if (object !== undefined && !(hasOriginal && isOriginalsRecord(object.value))) return;
    const unknown = unknownRun(this.#options.feed.model, unit, value);
    if (unknown !== undefined) await registry.noteUnknown(unit, unknown, signal);
    await registry.releaseOnce(unit, index, signal);
    const how = hasOriginal ? "has had the original's daemon" : "has been gone";
    const why = `machine ${machine} ${how} for longer than it can take to stop its copy`;
    events.tell({ what: "lock broken", unit, machine, who: `${as} on ${me}`, why });
  }
}

function isOriginalsOwn(machine: MachineRecord | undefined): boolean {
  return machine !== undefined && isOriginal(machine);
}

function isOriginalsRecord(json: string): boolean {
  const record = readMachine(json);
  return "value" in record && isOriginal(record.value);
}
