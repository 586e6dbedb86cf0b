import type { Clock } from "#base/clock.ts";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { OnceHolder } from "./core/once-holder.ts";
import { stopBoundMs } from "./core/stop-bound.ts";
import type { Versioned } from "./core/unit-notes.ts";
import { unknownRun } from "./core/unknown-run.ts";
import type { EventLog } from "./event-log.ts";
import type { Registry } from "./registry.ts";

export interface OnceBreakerOptions {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Breaks locks of units of which at most one copy may run, as the leading engine: those that others wait for and whose
 * holder has been gone for longer than it may have taken to stop its copy.
 */
export class OnceBreaker {
  readonly #options: OnceBreakerOptions;

  constructor(options: OnceBreakerOptions) {
    this.#options = options;
  }

  /** Gives when the next lock may be broken, by the monotonic clock; undefined when none is waited for. */
  async run(signal: AbortSignal): Promise<number | undefined> {
    const { feed, clock, logger } = this.#options;
    let againAtMs: number | undefined;
    for (const unit of [...feed.model.notes.once.units()].sort()) {
      const holder = feed.model.notes.once.get(unit);
      if (holder === undefined || !this.#isWaitedFor(unit, holder.value.machine)) continue;
      const dueMs = feed.mayRunUntilMs(holder.value.machine, this.#stopMs(unit, holder.value));
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

  #isWaitedFor(unit: UnitName, holder: MachineId): boolean {
    const { model } = this.#options.feed;
    if (model.machines.has(holder)) return false;
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
    const { me, registry, events } = this.#options;
    const { machine } = value;
    // The mirror may be behind, and the holder back.
    if ((await registry.readMachine(machine, signal)).object !== undefined) return;
    const unknown = unknownRun(this.#options.feed.model, unit, value);
    if (unknown !== undefined) await registry.noteUnknown(unit, unknown, signal);
    await registry.releaseOnce(unit, index, signal);
    const why = `machine ${machine} has been gone for longer than it can take to stop its copy`;
    events.tell({ what: "lock broken", unit, machine, who: `engine on ${me}`, why });
  }
}
