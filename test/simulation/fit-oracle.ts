import { type JobThen, metadataFits, type RegistryHistory } from "./registry-history.ts";
import { isTemplate, type UnitSpec } from "./unit-spec.ts";

/** What every simulated machine says it has. */
const MEMORY_BYTES = 4 * 2 ** 30;

/** Where each unit is placed: unit to machine. */
export type Placement = ReadonlyMap<string, string>;

/** A second opinion on what fits where, slow and plain, sharing no code with the scheduler. */
export class FitOracle {
  readonly #history: RegistryHistory;

  constructor(history: RegistryHistory) {
    this.#history = history;
  }

  placement(index: number): Map<string, string> {
    return new Map(
      this.#history
        .jobs(index)
        .flatMap(({ name, target }) => (target === undefined ? [] : [[name, target] as const])),
    );
  }

  /** What speaks against `spec` coming to the machine, besides what it needs. */
  misfitToCome(
    spec: UnitSpec,
    machine: string,
    index: number,
    placement: Placement,
  ): string | undefined {
    if (this.#history.isClosed(machine, index)) return "the machine is closed";
    return this.misfit(spec, machine, index, placement);
  }

  /** What speaks against `spec` staying on the machine, given where everything else is; units it replaces do not count. */
  misfit(spec: UnitSpec, machine: string, index: number, placement: Placement): string | undefined {
    const history = this.#history;
    if (!history.isPresent(machine, index)) return "the machine is not on record";
    if (history.isLeaving(machine, index)) return "the machine is leaving";
    if (history.isOverdue(machine, index)) return "the machine's drain is over";
    const { machineId } = spec;
    if (machineId !== undefined && machineId !== machine && machineId !== machine.slice(0, 8))
      return `it wants machine ${machineId}`;
    if (!metadataFits(spec, history.metadata(machine, index))) return "metadata does not fit";
    const astray = spec.machineOf.find((peer) => placement.get(peer) !== machine);
    if (astray !== undefined) return `${astray} is not there`;
    const mates = this.#mates(spec.name, machine, index, placement);
    for (const mate of mates) {
      if (names(spec.conflicts, mate.name) || names(mate.conflicts, spec.name))
        return `conflicts with ${mate.name}`;
      if (names(mate.replaces, spec.name) && !names(spec.replaces, mate.name))
        return `${mate.name} replaces it`;
    }
    return crowded(spec, mates);
  }

  /** Whether the machine has too little memory for the unit; what came to run there may stay all the same. */
  lacksMemory(spec: UnitSpec, machine: string, index: number, placement: Placement): boolean {
    if (spec.memoryBytes === 0) return false;
    const others = this.#mates(spec.name, machine, index, placement).filter(staysBeside(spec));
    const used = others.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
    return used + spec.memoryBytes > MEMORY_BYTES;
  }

  /** Units that would have to go for this one. */
  replacedBy(spec: UnitSpec, machine: string, index: number, placement: Placement): string[] {
    return this.#mates(spec.name, machine, index, placement)
      .filter((mate) => names(spec.replaces, mate.name) && !names(mate.replaces, spec.name))
      .map(({ name }) => name);
  }

  #mates(name: string, machine: string, index: number, placement: Placement): UnitSpec[] {
    return this.#history
      .jobs(index)
      .filter((job) => job.name !== name && this.#isOn(job, machine, index, placement))
      .flatMap(({ spec }) => spec ?? []);
  }

  #isOn({ name, spec, desired }: JobThen, machine: string, index: number, at: Placement): boolean {
    if (spec?.global !== true) return at.get(name) === machine;
    const isWanted = desired === "loaded" || desired === "launched";
    return isWanted && !isTemplate(name) && this.#history.globalFits(spec, machine, index);
  }
}

/** Which limit, of the unit or of one beside it, would be passed. */
function crowded(spec: UnitSpec, mates: readonly UnitSpec[]): string | undefined {
  const stay = mates.filter(staysBeside(spec));
  for (const { name, maxPerMachine } of [spec, ...stay]) {
    if (maxPerMachine === undefined) continue;
    const [max, glob] = maxPerMachine;
    const isMember = names([glob], spec.name);
    if (name !== spec.name && !isMember) continue;
    const others = stay.filter((mate) => names([glob], mate.name)).length;
    if (others + (isMember ? 1 : 0) > max) return `more than ${max} of ${glob}`;
  }
  return undefined;
}

/** Whether a unit does not go when this one comes: it is not replaced, or replaces too, or is global. */
function staysBeside(spec: UnitSpec): (mate: UnitSpec) => boolean {
  return (mate) =>
    mate.global || !names(spec.replaces, mate.name) || names(mate.replaces, spec.name);
}

function names(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => {
    const parts = glob.replace(/[.+^$(){}|\\]/g, "\\$&").replaceAll("*", "[^/]*");
    return new RegExp(`^${parts.replaceAll("?", "[^/]")}$`).test(name);
  });
}
