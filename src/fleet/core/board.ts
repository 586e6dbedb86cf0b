import { globMatcher } from "#unitfile/core/glob.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { LoadOrder } from "./load-order.ts";
import type { MachineId } from "./machine-id.ts";
import { limitMisfit } from "./machine-limits.ts";
import { closedMisfit } from "./machine-state.ts";
import { globalFits, type Misfit, machineMisfit, mateMisfit, replaces } from "./misfit.ts";
import { Ranking } from "./ranking.ts";
import type { MachineRecord } from "./records.ts";
import { Resources } from "./resources.ts";
import type { Unit } from "./unit.ts";

const GLOB = /[*?[]/; // none of these is in a unit's name

/** Placements as they are and as a plan changes them; the model itself stays as it is. */
export class Board {
  readonly #model: ClusterModel;
  /** Units on the machines that the plan touched. */
  readonly #units = new Map<MachineId, Set<UnitName>>();
  readonly #where = new Map<UnitName, MachineId | undefined>();
  readonly #order: LoadOrder;
  readonly #matchers = new Map<string, (name: string) => boolean>();
  readonly #resources: Resources;
  /** Which machines are better than others; kept as units come and go. */
  readonly ranking: Ranking;

  constructor(model: ClusterModel) {
    this.#model = model;
    this.#order = new LoadOrder(model.machines.keys(), (id) => model.placedOn(id).size);
    this.#resources = new Resources((machine) => this.#unitsAt(machine));
    this.ranking = new Ranking(model.machines, (id) => this.unitsOn(id));
  }

  /** Machines that are present, least loaded first. */
  get byLoad(): Iterable<MachineId> {
    return this.#order;
  }

  load(machine: MachineId): number {
    return this.#order.load(machine);
  }

  compareLoad(a: MachineId, b: MachineId): number {
    return this.load(a) - this.load(b) || (a < b ? -1 : 1);
  }

  where(unit: string): MachineId | undefined {
    const name = unit as UnitName; // a name that is none is found nowhere
    if (this.#where.has(name)) return this.#where.get(name);
    const job = this.#model.jobs.get(name);
    // What is left of a job that was destroyed is nowhere.
    return job?.hash === undefined ? undefined : job.target?.value;
  }

  unitsOn(machine: MachineId): ReadonlySet<UnitName> {
    return this.#units.get(machine) ?? this.#model.placedOn(machine);
  }

  add(unit: UnitName, machine: MachineId): void {
    this.#own(machine).add(unit);
    this.#where.set(unit, machine);
    this.#moved(unit, machine, 1);
  }

  remove(unit: UnitName): void {
    const machine = this.where(unit);
    if (machine === undefined) return;
    this.#own(machine).delete(unit);
    this.#where.set(unit, undefined);
    this.#moved(unit, machine, -1);
  }

  /** What `look` gives while the unit is nowhere. */
  without<T>(unit: UnitName, look: () => T): T {
    const machine = this.where(unit);
    this.remove(unit);
    const seen = look();
    if (machine !== undefined) this.add(unit, machine);
    return seen;
  }

  /**
   * Why `unit` may not run on the machine as it would be; units that it replaces do not count. `isForced`: in spite of a
   * cordon, and of what it needs.
   */
  misfit(unit: Unit, machine: MachineRecord, isForced = false): Misfit | undefined {
    return (
      closedMisfit(this.#model.machine(machine.id), isForced) ??
      machineMisfit(unit, machine) ??
      this.peerMisfit(unit, machine) ??
      this.mateMisfit(unit, machine) ??
      (isForced ? undefined : this.#resourceMisfit(unit, machine))
    );
  }

  peerMisfit({ name, wants }: Unit, machine: MachineRecord): Misfit | undefined {
    for (const wanted of wants.machineOf) {
      const peer = expandMachineSpecifiers(wanted, machine);
      if (GLOB.test(peer)) {
        const matches = this.#matcher(peer);
        const isPeer = (other: UnitName) => other !== name && matches(other) && this.#isJob(other);
        if (![...this.unitsOn(machine.id)].some(isPeer)) return { kind: "noPeer", glob: peer };
      } else {
        const at = this.where(peer);
        if (at !== machine.id) return { kind: "peer", peer, at };
      }
    }
    return undefined;
  }

  /** Other units that are, or run globally, on the machine. */
  *mates(unit: Unit, machine: MachineRecord): Generator<Unit> {
    for (const mate of this.#unitsAt(machine)) if (mate.name !== unit.name) yield mate;
  }

  *#unitsAt(machine: MachineRecord): Generator<Unit> {
    for (const name of this.unitsOn(machine.id)) {
      const unit = this.#model.jobs.get(name)?.unit;
      if (unit !== undefined) yield unit;
    }
    for (const name of this.#model.globals) {
      const job = this.#model.jobs.get(name);
      if (job?.unit === undefined || job.desired === "inactive") continue;
      if (globalFits(job.unit, machine)) yield job.unit;
    }
  }

  /** Units on the machine that would have to move away for this one. */
  replacedBy(unit: Unit, machine: MachineRecord): UnitName[] {
    if (unit.wants.replaces.length === 0) return [];
    return [...this.mates(unit, machine)]
      .filter((mate) => replaces(unit, mate, machine))
      .map((mate) => mate.name)
      .sort();
  }

  /**
   * The misfit with the unit of the lowest name among those that `counts`, so that reasons do not depend on order; then
   * that with all of them together, by how many may share a machine.
   */
  mateMisfit(
    unit: Unit,
    machine: MachineRecord,
    counts: (mate: Unit, misfit: Misfit | undefined) => boolean = () => true,
  ): Misfit | undefined {
    let first: { readonly name: UnitName; readonly misfit: Misfit } | undefined;
    for (const mate of this.mates(unit, machine)) {
      if (first !== undefined && first.name < mate.name) continue;
      const misfit = mateMisfit(unit, mate, machine);
      if (misfit !== undefined && counts(mate, misfit)) first = { name: mate.name, misfit };
    }
    if (first !== undefined || this.#model.limiting.size === 0) return first?.misfit;
    const others = [...this.mates(unit, machine)].filter(
      (mate) => counts(mate, undefined) && !makesGo(unit, mate, machine),
    );
    return limitMisfit(unit, others, machine);
  }

  #resourceMisfit(unit: Unit, machine: MachineRecord): Misfit | undefined {
    if (unit.wants.memoryBytes === 0 && unit.wants.millicores === 0) return undefined;
    const isHere = this.where(unit.name) === machine.id;
    const going = [...this.mates(unit, machine)].filter((mate) => makesGo(unit, mate, machine));
    return this.#resources.misfit(unit, machine, isHere ? [unit, ...going] : going);
  }

  #matcher(glob: string): (name: string) => boolean {
    const matcher = this.#matchers.get(glob) ?? globMatcher(glob);
    this.#matchers.set(glob, matcher);
    return matcher;
  }

  #isJob(name: UnitName): boolean {
    return this.#model.jobs.get(name)?.hash !== undefined;
  }

  #moved(name: UnitName, machine: MachineId, by: 1 | -1): void {
    this.#order.change(machine, by);
    this.ranking.change(name, machine, by);
    const unit = this.#model.jobs.get(name)?.unit;
    if (unit !== undefined) this.#resources.change(unit, machine, by);
  }

  #own(machine: MachineId): Set<UnitName> {
    const own = this.#units.get(machine) ?? new Set(this.#model.placedOn(machine));
    this.#units.set(machine, own);
    return own;
  }
}

/** Whether `mate` goes when `unit` comes; a global unit stays on every machine it fits. */
function makesGo(unit: Unit, mate: Unit, machine: MachineRecord): boolean {
  return !mate.wants.global && replaces(unit, mate, machine);
}
