import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { isOrdered } from "./order.ts";
import { cycleThrough, describeCycle, type Ordered } from "./order-cycle.ts";
import { unitOf } from "./unit.ts";

/**
 * Why a text may not be given to a unit for the order of units, if it may not. A template's text is judged for its
 * instances too, which may come to have it; by it, an instance may name itself, which says nothing.
 */
export function refusedCycle(model: ClusterModel, name: UnitName, raw: string): string | undefined {
  const whole = unitOf(name, "", raw);
  if ("problem" in whole || !isOrdered(whole.wants)) return undefined;
  const isPlain = unitNameParts(name).kind === "plain";
  if (isPlain && namesOf(whole).includes(name)) return cycleText([name, name]);
  const units = new Map<string, Ordered>();
  for (const { unit } of model.jobs.values()) if (unit !== undefined) units.set(unit.name, unit);
  const changed: Ordered[] = [whole];
  if (whole.isTemplate)
    for (const other of model.jobs.keys())
      if (unitNameParts(other).template === name) {
        const instance = unitOf(other, "", raw);
        if (units.has(other) && !("problem" in instance)) changed.push(instance);
      }
  for (const unit of changed) units.set(unit.name, unit);
  for (const unit of changed) {
    const cycle = cycleThrough(unit, units);
    if (cycle !== undefined) return cycleText(cycle);
  }
  return undefined;
}

function namesOf({ wants }: Ordered): readonly string[] {
  return [...wants.after, ...wants.requires];
}

export function cycleText(cycle: readonly string[]): string {
  return `After and Requires in [X-Fleet] section lead in a circle: ${describeCycle(cycle)}; remove one of them`;
}
