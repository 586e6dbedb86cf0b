import { type JobThen, metadataFits, type RegistryHistory } from "./registry-history.ts";
import { isTemplate, type UnitSpec } from "./unit-spec.ts";

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

  /** What speaks against `spec` on the machine, given where everything else is; units it replaces do not count. */
  misfit(spec: UnitSpec, machine: string, index: number, placement: Placement): string | undefined {
    const history = this.#history;
    if (!history.isPresent(machine, index)) return "the machine is not on record";
    if (history.isLeaving(machine, index)) return "the machine is leaving";
    const { machineId } = spec;
    if (machineId !== undefined && machineId !== machine && machineId !== machine.slice(0, 8))
      return `it wants machine ${machineId}`;
    if (!metadataFits(spec, history.metadata(machine, index))) return "metadata does not fit";
    const astray = spec.machineOf.find((peer) => placement.get(peer) !== machine);
    if (astray !== undefined) return `${astray} is not there`;
    for (const mate of this.#mates(spec.name, machine, index, placement)) {
      if (names(spec.conflicts, mate.name) || names(mate.conflicts, spec.name))
        return `conflicts with ${mate.name}`;
      if (names(mate.replaces, spec.name) && !names(spec.replaces, mate.name))
        return `${mate.name} replaces it`;
    }
    return undefined;
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

function names(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => {
    const parts = glob.replace(/[.+^$(){}|\\]/g, "\\$&").replaceAll("*", "[^/]*");
    return new RegExp(`^${parts.replaceAll("?", "[^/]")}$`).test(name);
  });
}
