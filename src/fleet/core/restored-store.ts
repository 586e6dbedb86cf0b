import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { isRunning, type Step } from "./reconcile.ts";
import type { MachineRecord } from "./records.ts";
import type { Decision } from "./schedule.ts";

/** How long it is waited for machines to tell what they run, before what nobody told of is started; milliseconds. */
export const SETTLE_MS = 18_000;

const SINCE = "since before the store was restored";

/**
 * What is remembered of the store having gone back in time. Keys that nobody wrote since are as old as the backup: they
 * say what was wanted then, and nothing is stopped or moved on their word alone.
 */
export class RestoredStore {
  #index: number | undefined;
  #settlesMs = Number.NEGATIVE_INFINITY;
  /** Keys that were written or removed since. */
  readonly #news = new Set<string>();

  /** The store's index when it was found restored; undefined while it never was. */
  get index(): number | undefined {
    return this.#index;
  }

  /** When the wait for what machines run is over, by the monotonic clock. */
  get settlesMs(): number {
    return this.#settlesMs;
  }

  /** The store is found restored, with an index of so much, or was before this daemon began. */
  begin(index: number, settlesMs: number): void {
    this.#index = index;
    this.#settlesMs = settlesMs;
    this.#news.clear();
  }

  /** The key was written or removed at this index. */
  heard(key: string, index: number): void {
    if (this.#index !== undefined && index > this.#index) this.#news.add(key);
  }

  isOld(key: string): boolean {
    return this.#index !== undefined && !this.#news.has(key);
  }

  /** Whether neither the place of the job nor what is desired of it was said anew. */
  isOldJob(model: ClusterModel, name: UnitName): boolean {
    const { keys } = model;
    return this.isOld(keys.job(name, "target")) && this.isOld(keys.job(name, "target-state"));
  }

  /** Present machines that told since that they run the unit, by id. */
  runners(model: ClusterModel, name: UnitName): MachineId[] {
    const states = [...(model.states.get(name)?.values() ?? [])];
    return states
      .filter(({ machine, activeState }) => isRunning(activeState) && model.machines.has(machine))
      .map(({ machine }) => machine)
      .filter((machine) => !this.isOld(model.keys.state(name, machine)))
      .sort();
  }
}

/** An agent's steps without those that only the backup asks for: what runs stays, what does not may run elsewhere. */
export function heedRestored(
  steps: readonly Step[],
  model: ClusterModel,
  { id }: MachineRecord,
  restored: RestoredStore,
  nowMs: number,
): Step[] {
  if (restored.index === undefined) return [...steps];
  return steps.flatMap((step): Step[] => {
    const name = "unit" in step ? step.unit.name : step.name;
    switch (step.kind) {
      case "unload":
      case "stop":
      case "replace":
        return wordsFor(step, model, name, id).every((key) => restored.isOld(key))
          ? [{ kind: "keep", name, reason: `runs here ${SINCE}, whose word is: ${step.reason}` }]
          : [step];
      case "load":
      case "start":
        return mayStart(model, name, id, restored, nowMs) ? [step] : [];
      case "adopt":
      case "restart":
      case "keep":
        return [step];
      default:
        return step satisfies never;
    }
  });
}

/** The keys that a step which ends what runs rests on. */
function wordsFor(step: Step, { jobs, keys }: ClusterModel, name: UnitName, me: MachineId) {
  const job = jobs.get(name);
  const text = [keys.job(name, "object"), keys.note("rollouts", name)];
  if (step.kind === "replace") return text;
  if (job?.hash === undefined) return [keys.removed(name), keys.job(name, "object")];
  if (step.kind === "stop" || job.desired === "inactive") return [keys.job(name, "target-state")];
  if (job.unit?.wants.global === true || job.unit?.isTemplate === true)
    return [...text, keys.machine(me, "cordoned"), keys.machine(me, "draining")];
  return [keys.job(name, "target")];
}

function mayStart(
  model: ClusterModel,
  name: UnitName,
  me: MachineId,
  restored: RestoredStore,
  nowMs: number,
): boolean {
  if (model.globals.has(name) || !restored.isOldJob(model, name)) return true;
  if (nowMs < restored.settlesMs) return false;
  return restored.runners(model, name).every((machine) => machine === me);
}

/** What a restored store has to learn: units that run elsewhere than it says are placed where they run. */
export function adoptions(model: ClusterModel, restored: RestoredStore): Decision[] {
  if (restored.index === undefined) return [];
  return [...model.jobs.values()]
    .filter((job) => isForgotten(model, job, restored))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((job): Decision[] => {
      const runners = restored.runners(model, job.name);
      const [to] = runners;
      const from = job.target?.value;
      if (to === undefined || (from !== undefined && runners.includes(from))) return [];
      const what = { unit: job.name, to, reason: `it runs on ${to} ${SINCE}` };
      return [from === undefined ? { kind: "place", ...what } : { kind: "move", from, ...what }];
    });
}

/** Whether where the job is placed is only known from the backup. */
function isForgotten(model: ClusterModel, job: Job, restored: RestoredStore): boolean {
  const { unit, desired, targetUnreadable } = job;
  if (unit === undefined || unit.isTemplate || unit.wants.global || targetUnreadable) return false;
  return (
    desired !== undefined &&
    desired !== "inactive" &&
    restored.isOld(model.keys.job(job.name, "target"))
  );
}

/** Units that the engine leaves alone for now: some machine may yet tell that it runs them. */
export function unsettled(
  model: ClusterModel,
  restored: RestoredStore,
  nowMs: number,
): ReadonlySet<UnitName> {
  if (restored.index === undefined || nowMs >= restored.settlesMs) return new Set();
  return new Set([...model.jobs.keys()].filter((name) => restored.isOldJob(model, name)));
}
