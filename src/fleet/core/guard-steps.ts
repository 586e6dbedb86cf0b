import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import type { OnceHolder } from "./once-holder.ts";
import { isRunning, type LoadedUnit, type Step } from "./reconcile.ts";
import { isLeased } from "./stop-bound.ts";
import type { Unit } from "./unit.ts";
import type { Versioned } from "./unit-notes.ts";

/** What a machine may do with units that do not run just anywhere and any time. */
export interface Guard {
  readonly me: MachineId;
  /** Whether the machine may run leased units now. */
  readonly leaseHeld: boolean;
  /** Who holds the lock of a unit of which at most one copy may run. */
  readonly holder: (unit: UnitName) => Versioned<OnceHolder> | undefined;
}

/**
 * Takes from `steps` the starts that may not be yet: of leased units while the lease is over, and of units whose lock
 * another machine holds. Adds the stop of what runs here while another holds its lock.
 */
export function guardSteps(
  model: ClusterModel,
  steps: readonly Step[],
  loaded: ReadonlyMap<UnitName, LoadedUnit>,
  guard: Guard,
): Step[] {
  const guarded = new Set<UnitName>();
  const kept = steps.flatMap((step) => {
    const name = "unit" in step ? step.unit.name : step.name;
    guarded.add(name);
    const unit = "unit" in step ? step.unit : model.jobs.get(name)?.unit;
    return unit === undefined || !isLeased(unit)
      ? [step]
      : guardStep(step, unit, loaded.get(name), guard);
  });
  return [...kept, ...intruders(model, loaded, guarded, guard)];
}

function guardStep(step: Step, unit: Unit, here: LoadedUnit | undefined, guard: Guard): Step[] {
  if (step.kind === "adopt") return guardAdopt(step, unit, here?.activeState ?? "", guard);
  if (guard.leaseHeld && mayTakeLock(unit, guard)) return [step];
  if (step.kind === "start") return [];
  return step.kind === "load" || step.kind === "replace" ? [{ ...step, start: false }] : [step];
}

/** What is done, or waits for the clock, is only remembered as such: that takes no lock. */
function guardAdopt(step: Step, unit: Unit, activeState: string, guard: Guard): Step[] {
  if (holdsLock(unit, guard)) return [step];
  if (activeState === "") return []; // systemd has not told yet
  const isThere = activeState !== "inactive" && activeState !== "failed";
  return isThere ? [stopOf(unit, guard)] : [step];
}

/** What nothing else is done about and what runs here all the same. */
function* intruders(
  model: ClusterModel,
  loaded: ReadonlyMap<UnitName, LoadedUnit>,
  guarded: ReadonlySet<UnitName>,
  guard: Guard,
): Generator<Step> {
  for (const [name, { activeState }] of loaded) {
    const unit = model.jobs.get(name)?.unit;
    if (
      !isRunning(activeState) ||
      guarded.has(name) ||
      unit === undefined ||
      holdsLock(unit, guard)
    )
      continue;
    yield stopOf(unit, guard);
  }
}

function stopOf({ name }: Unit, { holder }: Guard): Step {
  const at = holder(name)?.value.machine;
  const why = at === undefined ? "nobody" : `machine ${at}`;
  return { kind: "stop", name, reason: `at most one copy may run, and ${why} holds its lock` };
}

/** Whether the unit may run here as it does. */
function holdsLock({ name, wants }: Unit, { me, holder }: Guard): boolean {
  return !wants.atMostOnce || holder(name)?.value.machine === me;
}

function mayTakeLock({ name, wants }: Unit, { me, holder }: Guard): boolean {
  return !wants.atMostOnce || (holder(name)?.value.machine ?? me) === me;
}

/** Which of the locks `mine` this machine has no use for: nothing of the unit runs here, and nothing is to start it. */
export function needlessLocks(
  mine: readonly UnitName[],
  loaded: ReadonlyMap<UnitName, LoadedUnit>,
  steps: readonly Step[],
): UnitName[] {
  const used = new Set(steps.map((step) => ("unit" in step ? step.unit.name : step.name)));
  return mine.filter((name) => {
    const here = loaded.get(name);
    if (here === undefined) return !used.has(name);
    const isStopped = here.activeState === "inactive" || here.activeState === "failed";
    return isStopped && !here.launched && !used.has(name);
  });
}
