import { globMatcher } from "#unitfile/core/glob.ts";
import { meetsCondition } from "#unitfile/core/metadata-condition.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { MachineId } from "./machine-id.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

/** More units than are in any cluster, so that counts never outweigh what comes before them. */
const COUNT_MAX = 2 ** 22;

/** How good machines are for a unit, the greater the better. */
export interface Rank {
  readonly of: (machine: MachineRecord) => number;
  /** No machine has a greater one. */
  readonly most: number;
}

interface Weights {
  readonly of: ReadonlyMap<MachineId, number>;
  readonly most: number;
}

interface Tally {
  readonly key: string;
  readonly isMember: (unit: UnitName) => boolean;
  /** How many units of the group are on machines with this value of the key. */
  readonly counts: Map<string, number>;
}

/** Which of the machines that a unit may run on it had better run on: by Prefer, then by Spread. */
export class Ranking {
  readonly #machines: ReadonlyMap<MachineId, MachineRecord>;
  readonly #unitsOn: (machine: MachineId) => Iterable<UnitName>;
  readonly #tallies = new Map<string, Tally>();
  /** Weights of machines, by the preferences that they meet. */
  readonly #weights = new Map<string, Weights>();

  constructor(
    machines: ReadonlyMap<MachineId, MachineRecord>,
    unitsOn: (machine: MachineId) => Iterable<UnitName>,
  ) {
    this.#machines = machines;
    this.#unitsOn = unitsOn;
  }

  /** A unit came to a machine (1) or went from it (-1). */
  change(unit: UnitName, machine: MachineId, by: 1 | -1): void {
    if (this.#tallies.size === 0) return;
    const metadata = this.#machines.get(machine)?.metadata;
    for (const { key, isMember, counts } of this.#tallies.values()) {
      if (!isMember(unit)) continue;
      const value = metadata?.get(key);
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + by);
    }
  }

  /** Undefined when the unit takes any machine alike. */
  rankFor({ wants }: Unit): Rank | undefined {
    const weights = wants.prefer.length === 0 ? undefined : this.#weightsFor(wants.prefer);
    const tally = wants.spread && this.#tallyFor(wants.spread);
    if (weights === undefined && tally === undefined) return undefined;
    let fewest = tally === undefined ? 0 : COUNT_MAX;
    for (const count of tally?.counts.values() ?? []) if (count < fewest) fewest = count;
    return {
      most: (weights?.most ?? 0) * 2 * COUNT_MAX - fewest,
      of: ({ id, metadata }) => {
        const weight = weights?.of.get(id) ?? 0;
        if (tally === undefined) return weight * 2 * COUNT_MAX;
        const value = metadata.get(tally.key);
        // A machine without the key comes after all that have it.
        const count = value === undefined ? COUNT_MAX : (tally.counts.get(value) ?? 0);
        return weight * 2 * COUNT_MAX - count;
      },
    };
  }

  /** What speaks for the machine, for people; empty when nothing is preferred. */
  describe({ wants }: Unit, { id, metadata }: MachineRecord): string {
    const parts: string[] = [];
    if (wants.prefer.length > 0) {
      const all = wants.prefer.reduce((sum, { weight }) => sum + weight, 0);
      parts.push(`preferred by ${this.#weightsFor(wants.prefer).of.get(id) ?? 0} of ${all}`);
    }
    if (wants.spread !== undefined) {
      const { key, group } = wants.spread;
      const value = metadata.get(key);
      const count = value === undefined ? 0 : this.#tallyFor(wants.spread).counts.get(value);
      parts.push(
        value === undefined
          ? `has no ${key} to spread ${group} over`
          : `${key}=${value} has ${count ?? 0} of ${group}`,
      );
    }
    return parts.join(", ");
  }

  #weightsFor(prefer: Unit["wants"]["prefer"]): Weights {
    const name = prefer.map(({ weight, condition }) => `${weight} ${condition.text}`).join("\n");
    const known = this.#weights.get(name);
    if (known !== undefined) return known;
    const sums = new Map<MachineId, number>();
    for (const machine of this.#machines.values()) {
      const met = prefer.filter(({ condition }) => meetsCondition(condition, machine));
      sums.set(
        machine.id,
        met.reduce((sum, { weight }) => sum + weight, 0),
      );
    }
    const most = [...sums.values()].reduce((a, b) => Math.max(a, b), 0);
    const weights = { of: sums, most };
    this.#weights.set(name, weights);
    return weights;
  }

  #tallyFor({ key, group }: NonNullable<Unit["wants"]["spread"]>): Tally {
    const name = `${key} ${group}`;
    const known = this.#tallies.get(name);
    if (known !== undefined) return known;
    const isMember = globMatcher(group);
    const counts = new Map<string, number>();
    for (const { id, metadata } of this.#machines.values()) {
      const value = metadata.get(key);
      if (value === undefined) continue;
      let count = counts.get(value) ?? 0;
      for (const unit of this.#unitsOn(id)) if (isMember(unit)) count += 1;
      counts.set(value, count);
    }
    const tally = { key, isMember, counts };
    this.#tallies.set(name, tally);
    return tally;
  }
}
