import { isOrMatches } from "#unitfile/core/glob.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { Misfit } from "./misfit.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

interface Limit {
  readonly max: number;
  /** For this machine. */
  readonly group: string;
}

/** The first limit, by MaxPerMachine of the unit or of those it would share the machine with, that it would break there. */
export function limitMisfit(
  unit: Unit,
  mates: readonly Unit[],
  machine: MachineRecord,
): Misfit | undefined {
  for (const { max, group } of limitsOn(unit, mates, machine)) {
    const count = mates.filter(({ name }) => isOrMatches(group, name)).length;
    const own = isOrMatches(group, unit.name) ? 1 : 0;
    if (count + own > max) return { kind: "full", max, group, count };
  }
  return undefined;
}

/** Limits that the unit counts for, each once, in an order that does not depend on that of the mates. */
function limitsOn(unit: Unit, mates: readonly Unit[], machine: MachineRecord): Limit[] {
  const limits = new Map<string, Limit>();
  for (const one of [unit, ...mates])
    for (const { max, group: wanted } of one.wants.maxPerMachine) {
      const group = expandMachineSpecifiers(wanted, machine);
      if (one === unit || isOrMatches(group, unit.name))
        limits.set(`${group} ${max}`, { max, group });
    }
  return [...limits].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, limit]) => limit);
}
