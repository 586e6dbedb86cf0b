import type { UnitName } from "#unitfile/core/unit-name.ts";
import { readAvoidance } from "./avoidance.ts";
import { readHealthNote } from "./health-note.ts";
import type { MachineId } from "./machine-id.ts";
import { readOnceHolder } from "./once-holder.ts";
import type { Parsed } from "./records.ts";
import { readRollout } from "./rollout.ts";
import { readRunResult } from "./run-result.ts";
import { readTimerRun, readTimerSince } from "./timer-notes.ts";
import { readHistory } from "./unit-history.ts";

/** A value with the index of its last change. */
export interface Versioned<T> {
  readonly value: T;
  readonly index: number;
}

/**
 * Values of keys `ROOM/UNIT`, or `ROOM/UNIT/MACHINE`, that stand beside the original's and mean nothing to its daemons.
 */
export class NoteTable<T> {
  readonly #read: (text: string) => Parsed<T>;
  readonly #notes = new Map<UnitName, Map<MachineId | undefined, Versioned<T>>>();

  constructor(read: (text: string) => Parsed<T>) {
    this.#read = read;
  }

  /** What is noted of the unit, on that machine or in general. */
  get(unit: UnitName, machine?: MachineId): Versioned<T> | undefined {
    return this.#notes.get(unit)?.get(machine);
  }

  /** What is noted of the unit, machine by machine. */
  *of(unit: UnitName): Generator<readonly [MachineId, Versioned<T>]> {
    for (const [machine, note] of this.#notes.get(unit) ?? [])
      if (machine !== undefined) yield [machine, note];
  }

  units(): Iterable<UnitName> {
    return this.#notes.keys();
  }

  /** Takes over what the key became; gives what is wrong with a value that cannot be read, which then is not noted. */
  set(
    at: { readonly unit: UnitName; readonly machine: MachineId | undefined },
    after: { readonly value: string; readonly modifiedIndex: number } | undefined,
  ): string | undefined {
    const parsed = after && this.#read(after.value);
    const notes = this.#notes.get(at.unit) ?? new Map<MachineId | undefined, Versioned<T>>();
    if (after !== undefined && parsed !== undefined && "value" in parsed)
      notes.set(at.machine, { value: parsed.value, index: after.modifiedIndex });
    else notes.delete(at.machine);
    if (notes.size === 0) this.#notes.delete(at.unit);
    else this.#notes.set(at.unit, notes);
    return parsed !== undefined && "problem" in parsed ? parsed.problem : undefined;
  }
}

/** The rooms of keys that hold notes. */
export const NOTE_ROOMS = [
  "once",
  "health",
  "avoid",
  "results",
  "rollouts",
  "history",
  "runs",
  "timers",
] as const;
export type NoteRoom = (typeof NOTE_ROOMS)[number];

/** Every table of notes, by the room of its keys. */
export class UnitNotes {
  readonly once = new NoteTable(readOnceHolder);
  readonly health = new NoteTable(readHealthNote);
  readonly avoid = new NoteTable(readAvoidance);
  readonly results = new NoteTable(readRunResult);
  readonly rollouts = new NoteTable(readRollout);
  readonly history = new NoteTable(readHistory);
  readonly runs = new NoteTable(readTimerRun);
  readonly timers = new NoteTable(readTimerSince);
}
