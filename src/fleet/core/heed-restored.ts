import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { type Misfit, machineMisfit } from "./misfit.ts";
import { isRunning, type Step } from "./reconcile.ts";
import type { MachineRecord } from "./records.ts";
import { rolloutKey } from "./rollout.ts";
import type { Decision } from "./schedule.ts";
import type { Unit } from "./unit.ts";

const SINCE = "since before the store was restored";

/** Whether neither the place of the job nor what is desired of it was said since the store was restored. */
export function isOldJob({ keys, restored }: ClusterModel, name: UnitName): boolean {
  return restored.isOld(keys.job(name, "target")) && restored.isOld(keys.job(name, "target-state"));
}

/** Present machines that told since that they run the unit, by id. */
function runners({ keys, machines, restored, states }: ClusterModel, name: UnitName): MachineId[] {
  return [...(states.get(name)?.values() ?? [])]
    .filter(({ machine, activeState }) => isRunning(activeState) && machines.has(machine))
    .map(({ machine }) => machine)
    .filter((machine) => !restored.isOld(keys.state(name, machine)))
    .sort();
}

/** An agent's steps without those that only the backup asks for: what runs stays, what does not may run elsewhere. */
export function heedRestored(
  steps: readonly Step[],
  model: ClusterModel,
  { id }: MachineRecord,
  nowMs: number,
): Step[] {
  const { restored } = model;
  if (restored.index === undefined) return [...steps];
  return steps.flatMap((step): Step[] => {
    const name = "unit" in step ? step.unit.name : step.name;
    switch (step.kind) {
      case "unload":
      case "stop":
      case "replace":
        return isOldWord(step, model, name, id)
          ? [{ kind: "keep", name, reason: `runs here ${SINCE}, whose word is: ${step.reason}` }]
          : [step];
      case "load":
      case "start":
        return mayStart(model, name, id, nowMs) ? [step] : [];
      case "adopt":
      case "restart":
      case "keep":
        return [step];
      default:
        return step satisfies never;
    }
  });
}

/** Whether a step which ends what runs rests on nothing that was said since the store was restored. */
function isOldWord(step: Step, model: ClusterModel, name: UnitName, me: MachineId): boolean {
  const isGlobal = step.kind === "unload" && model.jobs.get(name)?.unit?.wants.global === true;
  if (isGlobal && model.isMetadataSaid(me)) return false;
  return wordsFor(step, model, name, me).every((key) => model.restored.isOld(key));
}

/** The keys that a step which ends what runs rests on. */
function wordsFor(step: Step, { jobs, keys }: ClusterModel, name: UnitName, me: MachineId) {
  const job = jobs.get(name);
  const text = [keys.job(name, "object"), keys.note("rollouts", rolloutKey(name))];
  if (step.kind === "replace") return text;
  if (job?.hash === undefined) return [keys.removed(name), keys.job(name, "object")];
  if (step.kind === "stop" || job.desired === "inactive") return [keys.job(name, "target-state")];
  if (job.unit?.wants.global === true || job.unit?.isTemplate === true)
    return [...text, keys.machine(me, "cordoned"), keys.machine(me, "draining")];
  return [keys.job(name, "target")];
}

function mayStart(model: ClusterModel, name: UnitName, me: MachineId, nowMs: number): boolean {
  if (model.globals.has(name) || !isOldJob(model, name)) return true;
  if (nowMs < model.restored.settlesMs) return false;
  return runners(model, name).every((machine) => machine === me);
}

/**
 * What a restored store has to learn: units that run elsewhere than it says are placed where they run. Of those that turn
 * out to run more than once, which nobody ends on the backup's word, one place is said anew.
 */
export function adoptions(model: ClusterModel, nowMs: number): Decision[] {
  if (model.restored.index === undefined) return [];
  const isSettled = nowMs >= model.restored.settlesMs;
  return [...model.jobs.values()]
    .filter((job) => isForgotten(model, job))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((job): Decision[] => {
      const told = runners(model, job.name);
      const [to] = told;
      const from = job.target?.value;
      if (to === undefined) return [];
      if (from !== undefined && told.includes(from)) {
        if (told.length === 1 || !isSettled) return [];
        const reason = `it runs on ${told.join(" and ")} ${SINCE}, and stays on ${from}`;
        return [{ kind: "move", unit: job.name, from, to: from, reason }];
      }
      const what = { unit: job.name, to, reason: `it runs on ${to} ${SINCE}` };
      return [from === undefined ? { kind: "place", ...what } : { kind: "move", from, ...what }];
    });
}

/** Whether where the job is placed is only known from the backup. */
function isForgotten(model: ClusterModel, job: Job): boolean {
  const { unit, desired, targetUnreadable } = job;
  if (unit === undefined || unit.isTemplate || unit.wants.global || targetUnreadable) return false;
  return (
    desired !== undefined &&
    desired !== "inactive" &&
    model.restored.isOld(model.keys.job(job.name, "target"))
  );
}

/**
 * Units that the engine leaves alone for now: some machine may yet tell that it runs them. Those that were just placed
 * where they run are among them, for what they stand beside or conflict with may not be known yet.
 */
export function unsettled({ jobs, keys, restored }: ClusterModel, nowMs: number) {
  if (restored.index === undefined || nowMs >= restored.settlesMs) return new Set<UnitName>();
  return new Set([...jobs.keys()].filter((name) => restored.isOld(keys.job(name, "target-state"))));
}

/**
 * Why the machine is none any more for a unit that is there, other units aside. What was said of the unit, and of the
 * machine's metadata, after the backup of a restored store is not known: unless it was said since, the unit stays.
 */
export function machineMisfitInPlace(
  { keys, restored }: ClusterModel,
  unit: Unit,
  machine: MachineRecord,
): Misfit | undefined {
  const misfit = machineMisfit(unit, machine);
  if (misfit === undefined) return undefined;
  const said = [keys.job(unit.name, "object"), keys.job(unit.name, "target-state")];
  if (misfit.kind === "metadata") said.push(keys.metadata(machine.id, misfit.condition.key));
  return said.every((key) => restored.isOld(key)) ? undefined : misfit;
}
