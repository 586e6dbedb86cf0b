import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { turnOf, type Wait } from "./order.ts";
import { isRunning, type LoadedUnit, type Step } from "./reconcile.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

export interface OrderedSteps {
  readonly steps: readonly Step[];
  /** Units that are not started yet, with what each waits for. */
  readonly waits: ReadonlyMap<UnitName, Wait>;
}

/**
 * Takes from `steps` the starts of units whose turn has not come, and adds the stops of those whose required units were
 * stopped on purpose. What runs is touched for nothing else.
 */
export function orderSteps(
  model: ClusterModel,
  me: MachineRecord,
  steps: readonly Step[],
  loaded: ReadonlyMap<UnitName, LoadedUnit>,
  isCurrent: (key: string) => boolean,
): OrderedSteps {
  const waits = new Map<UnitName, Wait>();
  const decided = new Set<UnitName>();
  const ordered = steps.flatMap((step) => {
    const name = "unit" in step ? step.unit.name : step.name;
    decided.add(name);
    const unit = "unit" in step ? step.unit : model.jobs.get(name)?.unit;
    const turn = unit && turnOf(model, unit, me, isCurrent);
    if (turn === undefined || turn.kind === "free") return [step];
    const here = loaded.get(name);
    const isUp = here !== undefined && isRunning(here.activeState);
    if (startsUnit(step)) waits.set(name, turn);
    return orderStep(step, turn, name, isUp);
  });
  for (const name of [...loaded.keys()].sort()) {
    const unit = decided.has(name) ? undefined : runningUnit(model, name, loaded.get(name)!);
    const turn = unit && turnOf(model, unit, me, isCurrent);
    if (turn?.kind === "ends") ordered.push({ kind: "stop", name, reason: stopReason(turn) });
  }
  return { steps: ordered, waits };
}

function stopReason({ lack }: Wait): string {
  return `stopped for want of ${lack}`;
}

function startsUnit(step: Step): boolean {
  return step.kind === "start" || ((step.kind === "load" || step.kind === "replace") && step.start);
}

function orderStep(step: Step, turn: Wait, name: UnitName, isUp: boolean): Step[] {
  const held = `${step.reason}; waits for ${turn.lack}`;
  switch (step.kind) {
    case "start":
      return [];
    case "load":
      return [step.start ? { ...step, start: false, reason: held } : step];
    case "replace":
      if (!step.start) return [step];
      // The old text goes on until the new one may start.
      if (isUp && turn.kind === "waits") return [];
      return [{ ...step, start: false, reason: held }];
    case "adopt":
      return isUp && turn.kind === "ends"
        ? [{ kind: "stop", name, reason: stopReason(turn) }]
        : [step];
    case "stop":
    case "restart":
    case "unload":
    case "keep":
      return [step];
    default:
      return step satisfies never;
  }
}

/** The unit of the name, if it is wanted and runs here. */
function runningUnit(model: ClusterModel, name: UnitName, here: LoadedUnit): Unit | undefined {
  const job = model.jobs.get(name);
  if (job?.desired !== "launched" || !isRunning(here.activeState)) return undefined;
  return job.unit?.wants.requires.length === 0 ? undefined : job.unit;
}
