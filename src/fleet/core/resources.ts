import type { MachineId } from "./machine-id.ts";
import type { Misfit } from "./misfit.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

interface Amount {
  memoryBytes: number;
  millicores: number;
}

/** What is set aside on machines for the units there, summed up when first asked for and kept so. */
export class Resources {
  readonly #used = new Map<MachineId, Amount>();
  readonly #unitsOf: (machine: MachineRecord) => Iterable<Unit>;

  /** @param unitsOf all units that are, or run globally, on the machine */
  constructor(unitsOf: (machine: MachineRecord) => Iterable<Unit>) {
    this.#unitsOf = unitsOf;
  }

  /** A unit came to a machine (1) or went from it (-1). */
  change(unit: Unit, machine: MachineId, by: 1 | -1): void {
    const used = this.#used.get(machine);
    if (used !== undefined) add(used, unit, by);
  }

  /**
   * What the machine has too little of for the unit, beside what is set aside there for units not in `apart`.
   * A machine that does not say what it has is large enough.
   */
  misfit(unit: Unit, machine: MachineRecord, apart: readonly Unit[]): Misfit | undefined {
    const { memoryBytes, millicores } = unit.wants;
    const { facts } = machine;
    if (facts === undefined || (memoryBytes === 0 && millicores === 0)) return undefined;
    const used = { ...this.#usedOn(machine) };
    for (const other of apart) add(used, other, -1);
    return (
      shortage("memory", memoryBytes, used.memoryBytes, facts.memoryBytes) ??
      shortage("cpu", millicores, used.millicores, facts.millicores)
    );
  }

  #usedOn(machine: MachineRecord): Amount {
    const known = this.#used.get(machine.id);
    if (known !== undefined) return known;
    const used = { memoryBytes: 0, millicores: 0 };
    for (const unit of this.#unitsOf(machine)) add(used, unit, 1);
    this.#used.set(machine.id, used);
    return used;
  }
}

function add(amount: Amount, { wants }: Unit, by: 1 | -1): void {
  amount.memoryBytes += by * wants.memoryBytes;
  amount.millicores += by * wants.millicores;
}

function shortage(
  kind: "memory" | "cpu",
  need: number,
  used: number,
  capacity: number | undefined,
): Misfit | undefined {
  if (need === 0 || capacity === undefined || used + need <= capacity) return undefined;
  return { kind, need, free: Math.max(0, capacity - used), capacity };
}
