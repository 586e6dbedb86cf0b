import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import { type UnitStateRecord, writeUnitState } from "./core/records.ts";
import { inParallel } from "./in-parallel.ts";
import type { LocalUnits } from "./local-units.ts";
import type { Registry } from "./registry.ts";
import type { UnitWorker } from "./unit-worker.ts";
import { WrittenKeys } from "./written-keys.ts";

export interface ReporterOptions {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  /** Tells what became of a unit. */
  readonly tell: (what: string, unit: UnitName, why: string) => void;
  readonly logger: Logger;
}

/** What is under way for units. */
type Work = Pick<UnitWorker, "busy" | "isStarting">;

const WRITES_MAX = 32;

/**
 * Keeps what the store says about this machine's units equal to what systemd says: `states/UNIT/ME` for each unit
 * that is loaded, and `job-state` for those launched. Writes only what differs, and forgets what is unloaded.
 */
export class UnitReporter {
  readonly #options: ReporterOptions;
  readonly #written = new WrittenKeys();

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Writes what differs. A write that fails is told once and made up for at the next report. */
  async report(units: LocalUnits, worker: Work, signal: AbortSignal): Promise<void> {
    if (!this.#options.feed.isFollowing) return;
    const writes = [...this.#stateWrites(units, worker), ...this.#launchWrites(units)];
    const failures: unknown[] = [];
    await inParallel(writes, WRITES_MAX, async ({ key, value, write }) => {
      try {
        this.#written.remember(key, value, await write(signal));
      } catch (error) {
        if (signal.aborted) throw error;
        failures.push(error);
      }
    });
    if (failures.length > 0)
      this.#options.logger.warn(
        { writes: failures.length, reason: reasonOf(failures[0]) },
        "could not report all states",
      );
  }

  *#stateWrites(units: LocalUnits, worker: Work): Generator<Write> {
    const { me, feed, registry } = this.#options;
    const { model } = feed;
    const here = new Set(units.names);
    for (const name of here) {
      const state = stateOf(units, name, me);
      const shown = model.states.get(name)?.get(me);
      const key = model.keys.state(name, me);
      const value = state && writeUnitState(state);
      const known = this.#known(key, shown && writeUnitState(shown));
      // A restored store is told all of it again, for nobody can tell what is true of its states.
      const isStale = feed.restored.isOld(key) && !this.#written.isPending(key);
      if (state === undefined || (value === known && !isStale)) continue;
      // Its result is noted when the start is over, and that first.
      if (state.activeState === "failed" && worker.isStarting(name)) continue;
      yield {
        key,
        value,
        write: async (signal) => {
          const index = await registry.writeState(name, state, signal);
          if (state.activeState === "failed" && !known?.includes('"activeState":"failed"'))
            this.#options.tell("failed", name, `systemd says ${state.subState}`);
          return index;
        },
      };
    }
    for (const [name, states] of model.states) {
      const key = model.keys.state(name, me);
      if (here.has(name) || worker.busy.has(name) || !states.has(me)) continue;
      if (this.#known(key, "") === undefined) continue;
      yield { key, value: undefined, write: (signal) => registry.removeState(name, me, signal) };
    }
  }

  *#launchWrites(units: LocalUnits): Generator<Write> {
    const { me, feed, registry } = this.#options;
    const { model } = feed;
    const names = new Set([...model.placedOn(me), ...units.names]);
    for (const name of names) {
      const job = model.jobs.get(name);
      const key = model.keys.job(name, "job-state");
      const isPlacedHere = job?.hash !== undefined && job.target?.value === me;
      const wanted = isPlacedHere && units.get(name)?.launched === true ? me : undefined;
      const known = this.#known(key, job?.launchedOn);
      if (wanted === me && known !== me)
        yield { key, value: me, write: (signal) => registry.writeLaunched(name, me, signal) };
      if (wanted === undefined && known === me)
        yield {
          key,
          value: undefined,
          write: (signal) => registry.removeLaunched(name, me, signal),
        };
    }
  }

  /** What the store says of the key as far as is known. */
  #known(key: string, shown: string | undefined): string | undefined {
    return this.#written.known(key, shown, this.#options.feed.index);
  }
}

interface Write {
  readonly key: string;
  readonly value: string | undefined;
  readonly write: (signal: AbortSignal) => Promise<number | undefined>;
}

function stateOf(units: LocalUnits, name: UnitName, me: MachineId): UnitStateRecord | undefined {
  const status = units.status(name);
  const unit = units.get(name);
  if (status === undefined || unit === undefined) return undefined;
  const { loadState, activeState, subState } = status;
  return { loadState, activeState, subState, machine: me, hash: unit.hash };
}
