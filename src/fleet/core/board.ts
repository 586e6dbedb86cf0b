import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { LoadOrder } from "./load-order.ts";
import type { MachineId } from "./machine-id.ts";
import { globalFits, type Misfit, machineMisfit, mateMisfit, replaces } from "./misfit.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

/** Placements as they are and as a plan changes them; the model itself stays as it is. */
export class Board {
  readonly #model: ClusterModel;
  /** Units on the machines that the plan touched. */
  readonly #units = new Map<MachineId, Set<UnitName>>();
  readonly #where = new Map<UnitName, MachineId | undefined>();
  readonly #order: LoadOrder;

  constructor(model: ClusterModel) {
    this.#model = model;
    this.#order = new LoadOrder(model.machines.keys(), (id) => model.placedOn(id).size);
  }

  /** Machines that are present, least loaded first. */
  get byLoad(): Iterable<MachineId> {
    return this.#order;
  }

  load(machine: MachineId): number {
    return this.#order.load(machine);
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
    this.#order.change(machine, 1);
  }

  remove(unit: UnitName): void {
    const machine = this.where(unit);
    if (machine === undefined) return;
    this.#own(machine).delete(unit);
    this.#where.set(unit, undefined);
    this.#order.change(machine, -1);
  }

  /** Why `unit` may not run on the machine as it would be; units that it replaces do not count. */
  misfit(unit: Unit, machine: MachineRecord): Misfit | undefined {
    if (this.#model.isLeaving(machine.id)) return { kind: "leaving" };
    return (
      machineMisfit(unit, machine) ??
      this.peerMisfit(unit, machine.id) ??
      this.mateMisfit(unit, machine)
    );
  }

  peerMisfit({ wants }: Unit, machine: MachineId): Misfit | undefined {
    for (const peer of wants.machineOf) {
      const at = this.where(peer);
      if (at !== machine) return { kind: "peer", peer, at };
    }
    return undefined;
  }

  /** Other units that are, or run globally, on the machine. */
  *mates(unit: Unit, machine: MachineRecord): Generator<Unit> {
    for (const name of this.unitsOn(machine.id)) {
      const mate = this.#model.jobs.get(name)?.unit;
      if (mate !== undefined && name !== unit.name) yield mate;
    }
    for (const name of this.#model.globals) {
      const job = this.#model.jobs.get(name);
      if (job?.unit === undefined || job.desired === "inactive" || name === unit.name) continue;
      if (globalFits(job.unit, machine)) yield job.unit;
    }
  }

  /** Units on the machine that would have to move away for this one. */
  replacedBy(unit: Unit, machine: MachineRecord): UnitName[] {
    if (unit.wants.replaces.length === 0) return [];
    return [...this.mates(unit, machine)]
      .filter((mate) => replaces(unit, mate))
      .map((mate) => mate.name)
      .sort();
  }

  /** The misfit with the unit of the lowest name among those that `counts`, so that reasons do not depend on order. */
  mateMisfit(
    unit: Unit,
    machine: MachineRecord,
    counts: (mate: Unit, misfit: Misfit) => boolean = () => true,
  ): Misfit | undefined {
    let first: { readonly name: UnitName; readonly misfit: Misfit } | undefined;
    for (const mate of this.mates(unit, machine)) {
      if (first !== undefined && first.name < mate.name) continue;
      const misfit = mateMisfit(unit, mate);
      if (misfit !== undefined && counts(mate, misfit)) first = { name: mate.name, misfit };
    }
    return first?.misfit;
  }

  #own(machine: MachineId): Set<UnitName> {
    const own = this.#units.get(machine) ?? new Set(this.#model.placedOn(machine));
    this.#units.set(machine, own);
    return own;
  }
}
