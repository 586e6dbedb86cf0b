import type { FleetSection } from "#unitfile/core/fleet-section.ts";

/** What the order of units depends on. */
export interface Arrival {
  readonly name: string;
  readonly wants: Pick<FleetSection, "global" | "machineOf" | "replaces">;
}

/**
 * The order in which `schedule` takes units that are new together. Units that are written to the store in this order come
 * to the places that a plan for all of them has, in however many rounds the engine hears of them.
 */
export function arrivalOrder<T extends Arrival>(units: readonly T[]): T[] {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const order = new Set<T>();
  const visiting = new Set<T>();
  const add = (unit: T) => {
    if (visiting.has(unit)) return;
    visiting.add(unit);
    for (const peer of unit.wants.machineOf) {
      const first = byName.get(peer);
      if (first !== undefined) add(first);
    }
    order.add(unit);
  };
  for (const unit of units.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)))
    add(unit);
  return [...order];
}

/** Global units are on machines without a decision; who takes somebody's place goes before the others. */
function rank({ wants }: Arrival): number {
  if (wants.global) return 0;
  return wants.replaces.length > 0 ? 1 : 2;
}
