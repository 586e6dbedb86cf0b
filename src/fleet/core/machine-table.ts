import { type Departure, departure } from "./departure.ts";
import type { MachinePart } from "./fleet-keys.ts";
import type { MachineId } from "./machine-id.ts";
import { type Drain, type MachineMark, readDrain, readMark } from "./machine-marks.ts";
import {
  type Incarnation,
  type MachineFacts,
  type MachineRecord,
  type Parsed,
  readFacts,
  readIncarnation,
  readMachine,
} from "./records.ts";
import type { RestoredStore } from "./restored-store.ts";
import type { Versioned } from "./unit-notes.ts";

/** What the store holds of one machine, under `machines/ID`, as far as it counts: see `asSaid`. */
export interface MachineEntry {
  readonly record: MachineRecord | undefined;
  readonly metadata: ReadonlyMap<string, string>;
  readonly api: string | undefined;
  readonly incarnation: Incarnation | undefined;
  readonly facts: MachineFacts | undefined;
  readonly leaving: boolean;
  readonly cordoned: Versioned<MachineMark> | undefined;
  readonly draining: Versioned<Drain> | undefined;
  /** Somebody took it off the record for good. */
  readonly removed: Versioned<MachineMark> | undefined;
  /** It has no record and is alive all the same, as the engine that leads found by asking it. */
  readonly held: Versioned<MachineMark> | undefined;
}

interface PartChange {
  readonly key: string;
  readonly after: { readonly value: string; readonly modifiedIndex: number } | undefined;
  readonly by: { readonly key: string; readonly action: string } | undefined;
}

/** Reads what a key became; undefined when it is gone, or cannot be read, which is then noted. */
export type PartReader = <T>(reader: (text: string) => Parsed<T>) => Versioned<T> | undefined;

type MutableEntry = { -readonly [Part in keyof MachineEntry]: MachineEntry[Part] } & {
  readonly metadata: Map<string, string>;
  /** When it said that it leaves. */
  leavingIndex: number | undefined;
};

/** A cordon that cannot be read is one all the same. */
function cordonBy(index: number | undefined): Versioned<MachineMark> | undefined {
  if (index === undefined) return undefined;
  return { value: { by: "somebody", at: "", why: "the record of it cannot be read" }, index };
}

/**
 * The machine without what would take units away from it on the word of a backup alone: a drain that may have ended
 * since closes it to new units only, and it counts neither as leaving nor as removed.
 */
function asSaid(entry: MutableEntry, restored: RestoredStore): MachineEntry {
  const isSaid = (index: number | undefined) => index !== undefined && !restored.isOldAt(index);
  const { cordoned, draining, leavingIndex, removed } = entry;
  const isDrained = draining === undefined || isSaid(draining.index);
  return {
    ...entry,
    leaving: isSaid(leavingIndex),
    removed: isSaid(removed?.index) ? removed : undefined,
    draining: isDrained ? draining : undefined,
    cordoned: isDrained ? cordoned : (cordoned ?? draining),
  };
}

/** Machines as the store describes them, present or not, kept up to date change by change. */
export class MachineTable {
  readonly #restored: RestoredStore;
  readonly #machines = new Map<MachineId, MutableEntry>();
  /** What of them counts. */
  readonly #known = new Map<MachineId, MachineEntry>();
  readonly #present = new Map<MachineId, MachineRecord>();

  constructor(restored: RestoredStore) {
    this.#restored = restored;
  }

  /** Machines whose record is there, with their whole metadata. */
  get present(): ReadonlyMap<MachineId, MachineRecord> {
    return this.#present;
  }

  /** All that anything was ever known of. */
  get known(): ReadonlyMap<MachineId, MachineEntry> {
    return this.#known;
  }

  /** To be called when the store is found restored. */
  lookAgain(): void {
    for (const [id, machine] of this.#machines)
      this.#known.set(id, asSaid(machine, this.#restored));
  }

  /** Takes over one part; tells how the machine went, if it did. */
  set(
    id: MachineId,
    part: MachinePart,
    change: PartChange,
    read: PartReader,
  ): Departure | undefined {
    const machine = this.#machine(id);
    const was = this.#present.has(id);
    switch (part) {
      case "object":
        machine.record = read((json) => recordOf(id, json))?.value;
        break;
      case "api":
        machine.api = change.after?.value;
        break;
      case "incarnation":
        machine.incarnation = read(readIncarnation)?.value;
        break;
      case "facts":
        machine.facts = read(readFacts)?.value;
        break;
      case "leaving":
        machine.leavingIndex = change.after?.modifiedIndex;
        break;
      case "cordoned":
        machine.cordoned = read(readMark) ?? cordonBy(change.after?.modifiedIndex);
        break;
      case "draining":
        machine.draining = read(readDrain);
        break;
      case "removed":
        machine.removed = read(readMark);
        break;
      case "held":
        machine.held = read(readMark);
        break;
      default:
        part satisfies never;
    }
    this.#show(id, machine);
    return was && !this.#present.has(id) && part === "object" ? departure(change) : undefined;
  }

  setMetadata(id: MachineId, name: string, value: string | undefined): void {
    const machine = this.#machine(id);
    if (value === undefined) machine.metadata.delete(name);
    else machine.metadata.set(name, value);
    this.#show(id, machine);
  }

  /** The machine as it is configured, with the metadata that was set for it since and the facts it tells. */
  withMetadata(machine: MachineRecord): MachineRecord {
    const { metadata = [], facts } = this.#machines.get(machine.id) ?? {};
    return {
      ...machine,
      metadata: merged(machine.metadata, metadata),
      facts: machine.facts ?? facts,
    };
  }

  #machine(id: MachineId): MutableEntry {
    const known = this.#machines.get(id);
    if (known !== undefined) return known;
    const machine: MutableEntry = {
      record: undefined,
      metadata: new Map(),
      api: undefined,
      incarnation: undefined,
      facts: undefined,
      leaving: false,
      leavingIndex: undefined,
      cordoned: undefined,
      draining: undefined,
      removed: undefined,
      held: undefined,
    };
    this.#machines.set(id, machine);
    return machine;
  }

  #show(id: MachineId, machine: MutableEntry): void {
    if (isBlank(machine)) {
      for (const machines of [this.#machines, this.#known, this.#present]) machines.delete(id);
      return;
    }
    const { record } = machine;
    this.#known.set(id, asSaid(machine, this.#restored));
    if (record === undefined) this.#present.delete(id);
    else this.#present.set(id, this.withMetadata(record));
  }
}

/** Whether the store holds nothing of it any more. */
function isBlank({ metadata, ...parts }: MutableEntry): boolean {
  const held = Object.values(parts).filter((part) => part !== undefined && part !== false);
  return metadata.size === 0 && held.length === 0;
}

/** A record that says another id would have units placed on a machine that is not there. */
function recordOf(id: MachineId, json: string): Parsed<MachineRecord> {
  const parsed = readMachine(json);
  return "value" in parsed && parsed.value.id !== id
    ? { problem: `it is of machine ${parsed.value.id}` }
    : parsed;
}

/** What was set for a machine goes before what it says itself; set to nothing, a key is taken away. */
function merged(
  own: ReadonlyMap<string, string>,
  set: Iterable<readonly [name: string, value: string]>,
): ReadonlyMap<string, string> {
  return new Map([...new Map([...own, ...set])].filter(([, value]) => value !== ""));
}
