import type { FleetSection } from "#unitfile/core/fleet-section.ts";
import { isPeerGlob, peerGlob } from "./unit-index.ts";

/** What the order of units depends on. */
export interface Ordered {
  readonly name: string;
  readonly wants: Pick<FleetSection, "after" | "requires">;
}

/**
 * The shortest cycle of After and Requires that the unit closes among `units`, which may hold an older text of it; from
 * its name to its name. On some machine is enough, and a template counts as a unit of its name. Undefined for none.
 */
export function cycleThrough(
  start: Ordered,
  units: ReadonlyMap<string, Ordered>,
): readonly string[] | undefined {
  const cameFrom = new Map<string, string>();
  let edge = [start];
  while (edge.length > 0) {
    const next: Ordered[] = [];
    for (const unit of edge)
      for (const name of earlierThan(unit, units)) {
        if (name === start.name) return pathBack(unit.name, start.name, cameFrom);
        const earlier = units.get(name);
        if (earlier === undefined || cameFrom.has(name)) continue;
        cameFrom.set(name, unit.name);
        next.push(earlier);
      }
    edge = next;
  }
  return undefined;
}

/** `a.service after b.service after a.service`. */
export function describeCycle(names: readonly string[]): string {
  return names.join(" after ");
}

/** The units in groups, each of which comes after those before it; what has no such wish is in the first. */
export function startLayers<T extends Ordered>(units: readonly T[]): T[][] {
  const byName = new Map<string, T>(units.map((unit) => [unit.name, unit]));
  const depths = new Map<string, number>();
  const depthOf = (unit: T): number => {
    const known = depths.get(unit.name);
    if (known !== undefined) return known;
    depths.set(unit.name, 0); // what a cycle leads back to
    const earlier = earlierThan(unit, byName).map((name) => byName.get(name)!);
    const depth = Math.max(-1, ...earlier.map(depthOf)) + 1;
    depths.set(unit.name, depth);
    return depth;
  };
  const layers: T[][] = [];
  for (const unit of units) (layers[depthOf(unit)] ??= []).push(unit);
  return layers.filter((layer) => layer.length > 0);
}

/** Names of units that have to serve before this one, sorted. */
function earlierThan(
  { name, wants }: Ordered,
  units: ReadonlyMap<string, unknown>,
): readonly string[] {
  const names = new Set<string>();
  for (const value of [...wants.after, ...wants.requires])
    if (!isPeerGlob(value)) {
      if (units.has(value)) names.add(value);
    } else {
      const { matches } = peerGlob(value);
      for (const other of units.keys()) if (matches(other)) names.add(other);
    }
  names.delete(name);
  return [...names].sort();
}

function pathBack(last: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [start];
  for (let name: string | undefined = last; name !== undefined; name = cameFrom.get(name))
    path.unshift(name);
  return path;
}
