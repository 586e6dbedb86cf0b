import type { FleetSection } from "#unitfile/core/fleet-section.ts";
import { isPeerGlob, peerGlob } from "./unit-index.ts";

/** What the order of units depends on. */
export interface Arrival {
  readonly name: string;
  readonly wants: Pick<FleetSection, "global" | "machineOf" | "priority" | "replaces">;
}

/**
 * Compares units that wait for a machine: who takes somebody's place goes first, or the other would be placed only to be
 * moved again; then by Priority, then by name.
 */
export function byTurn(a: Arrival, b: Arrival): number {
  return rank(a) - rank(b) || b.wants.priority - a.wants.priority || (a.name < b.name ? -1 : 1);
}

/** Global units are on machines without a decision. */
function rank({ wants }: Arrival): number {
  if (wants.global) return 0;
  return wants.replaces.length > 0 ? 1 : 2;
}

/**
 * The order in which `schedule` takes units that are new together. Units that are written to the store in this order come
 * to the places that a plan for all of them has, in however many rounds the engine hears of them; but where a unit has
 * both MachineOf and peers of other Priority, or peers with peers, a round that ends between them may swap two of them.
 */
export function arrivalOrder<T extends Arrival>(units: readonly T[]): T[] {
  const order = new Set<T>();
  const visiting = new Set<T>();
  const add = (unit: T) => {
    if (visiting.has(unit)) return;
    visiting.add(unit);
    for (const first of peersOf(unit, units)) add(first);
    order.add(unit);
  };
  for (const unit of units.toSorted(byTurn)) add(unit);
  return [...order];
}

/** Units that its MachineOf may mean, by turn. */
function peersOf<T extends Arrival>({ wants }: T, units: readonly T[]): readonly T[] {
  const matchers = wants.machineOf.map(peerMatcher);
  return units.filter(({ name }) => matchers.some((isPeer) => isPeer(name))).toSorted(byTurn);
}

/** Whether a unit is one that a value of MachineOf may mean. */
function peerMatcher(peer: string): (name: string) => boolean {
  return isPeerGlob(peer) ? peerGlob(peer).matches : (name) => name === peer;
}
