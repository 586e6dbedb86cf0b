import { reasonOf } from "#base/fault.ts";
import type { MachineId } from "./core/machine-id.ts";
import { machineState } from "./core/machine-state.ts";
import { forgottenNotes, notedTexts } from "./core/noted-texts.ts";
import type { EngineMeans } from "./engine-means.ts";
import { inParallel } from "./in-parallel.ts";

type HousekeepingOptions = Pick<EngineMeans, "feed" | "registry" | "clock" | "logger">;

const EVERY_MS = 60_000;
/** How long a leftover has to be one before it goes: a submit writes its blob before its job, machines come back. */
const AGE_MS = 10 * 60_000;
const WRITES_MAX = 8;

/**
 * Clears away what nothing refers to any more, as the leading engine: unit blobs that no job, rollout or history has,
 * keys of jobs without an object, records of removal of units that are there again, states and health of units on
 * machines that are gone, and what is noted of units that are. Nothing here is about units that run.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  /** When each leftover was first seen, by a name that changes when the leftover does. */
  #since = new Map<string, number>();
  #nextMs = 0;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** Does nothing when it did something lately. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + EVERY_MS;
    const leftovers = this.#leftovers(signal);
    this.#since = new Map(
      [...leftovers.keys()].map((name) => [name, this.#since.get(name) ?? nowMs]),
    );
    const due = [...leftovers].filter(([name]) => nowMs - this.#since.get(name)! >= AGE_MS);
    await inParallel(due, WRITES_MAX, async ([name, remove]) => {
      try {
        await remove();
        logger.info({ leftover: name }, "cleared away");
      } catch (error) {
        if (signal.aborted) throw error;
        logger.debug({ leftover: name, error: reasonOf(error) }, "could not clear away");
      }
    });
  }

  #leftovers(signal: AbortSignal): Map<string, () => Promise<unknown>> {
    const { feed, registry } = this.#options;
    const { model } = feed;
    const found = new Map<string, () => Promise<unknown>>();
    const isGone = (machine: MachineId) => machineState(model, machine) === "gone";
    const noted = notedTexts(model);
    for (const [hash, { index }] of model.blobs)
      if (model.jobsWithHash(hash).size === 0 && !noted.has(hash))
        found.set(`unit ${hash} ${index}`, () =>
          registry.removeKey(model.keys.blob(hash), index, signal),
        );
    for (const [name, job] of model.jobs)
      if (job.hash === undefined)
        for (const part of ["target", "target-state", "job-state"] as const) {
          const key = model.keys.job(name, part);
          const index = feed.indexOf(key);
          // Removed as it was seen, so that a job that is just being submitted loses nothing.
          if (index !== undefined)
            found.set(`${key} ${index}`, () => registry.removeKey(key, index, signal));
        }
    for (const unit of model.removed.keys()) {
      const key = model.keys.removed(unit);
      const index = feed.indexOf(key);
      if (index !== undefined && model.jobs.get(unit)?.hash !== undefined)
        found.set(`${key} ${index}`, () => registry.removeKey(key, index, signal));
    }
    for (const [unit, states] of model.states)
      for (const machine of states.keys())
        if (isGone(machine))
          found.set(`state ${unit} ${machine}`, () => registry.removeState(unit, machine, signal));
    for (const unit of model.notes.health.units())
      for (const [machine] of model.notes.health.of(unit))
        if (isGone(machine))
          found.set(`health ${unit} ${machine}`, () =>
            registry.removeNote({ room: "health", unit, machine }, signal),
          );
    for (const { key, index } of forgottenNotes(model))
      found.set(`${key} ${index}`, () => registry.removeKey(key, index, signal));
    return found;
  }
}
