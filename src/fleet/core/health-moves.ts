import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { type HealthNote, isHealthy } from "./health-note.ts";
import type { MachineId } from "./machine-id.ts";
import type { Unit } from "./unit.ts";

/** How many of a kind were checked, and how many of these are unhealthy. */
interface Tally {
  checked: number;
  unhealthy: number;
}

/** Fewer than so many unhealthy ones are no common trouble, whatever their share. */
const COMMON_MIN = 2;
const NONE: ReadonlySet<MachineId> = new Set();

/** Which units are to go to another machine for their health, as the agents' notes have it. */
export class HealthMoves {
  readonly #model: ClusterModel;
  #tallies: ReadonlyMap<string, Tally> | undefined;
  #machines: Tally = { checked: 0, unhealthy: 0 };

  constructor(model: ClusterModel) {
    this.#model = model;
  }

  /** Why the unit is to leave the machine; undefined when it may stay. */
  why(unit: Unit, from: MachineId): string | undefined {
    const note = this.#noteOf(unit.name, from);
    return note?.move === true ? `unhealthy on ${from}: ${note.reason}` : undefined;
  }

  /** Why nothing of its kind is moved for its health at the moment; undefined when nothing speaks against it. */
  hold(unit: UnitName): string | undefined {
    const tallies = this.#count();
    const template = templateOf(unit);
    const tally = template === undefined ? undefined : tallies.get(template);
    if (tally !== undefined && isCommon(tally))
      return `${tally.unhealthy} of ${tally.checked} instances of ${template} are unhealthy, which has another cause than one machine`;
    const { unhealthy, checked } = this.#machines;
    return isCommon(this.#machines)
      ? `units are unhealthy on ${unhealthy} of ${checked} machines, which has another cause than one machine`
      : undefined;
  }

  /** Machines that the unit goes to only when nothing else fits; where it is counts when it is to leave there. */
  shunned(unit: Unit, from: MachineId | undefined): ReadonlySet<MachineId> {
    const avoided = [...this.#model.notes.avoid.of(unit.name)].map(([machine]) => machine);
    const leaves = from !== undefined && this.why(unit, from) !== undefined ? [from] : [];
    return avoided.length + leaves.length === 0 ? NONE : new Set([...avoided, ...leaves]);
  }

  #noteOf(name: UnitName, machine: MachineId): HealthNote | undefined {
    const known = isHealthy(this.#model, name, machine);
    return known === "unhealthy" ? this.#model.notes.health.get(name, machine)?.value : undefined;
  }

  #count(): ReadonlyMap<string, Tally> {
    if (this.#tallies !== undefined) return this.#tallies;
    const tallies = new Map<string, Tally>();
    const machines = new Map<MachineId, boolean>();
    const { notes } = this.#model;
    for (const name of notes.health.units())
      for (const [machine] of notes.health.of(name)) {
        const health = isHealthy(this.#model, name, machine);
        if (health === "unknown") continue;
        const isIll = health === "unhealthy";
        machines.set(machine, isIll || machines.get(machine) === true);
        const template = templateOf(name);
        if (template === undefined) continue;
        const { checked, unhealthy } = tallies.get(template) ?? { checked: 0, unhealthy: 0 };
        tallies.set(template, { checked: checked + 1, unhealthy: unhealthy + (isIll ? 1 : 0) });
      }
    const ill = [...machines.values()].filter(Boolean).length;
    this.#machines = { checked: machines.size, unhealthy: ill };
    this.#tallies = tallies;
    return tallies;
  }
}

function isCommon({ checked, unhealthy }: Tally): boolean {
  return unhealthy >= COMMON_MIN && unhealthy * 2 > checked;
}

function templateOf(unit: UnitName): string | undefined {
  return unitNameParts(unit).template;
}
