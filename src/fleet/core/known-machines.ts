import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { describeMark } from "./machine-marks.ts";
import type { Verdict } from "./presence-tracker.ts";
import { NOTE_ROOMS, type NoteRoom } from "./unit-notes.ts";

/** Machines that are not present and that something is on record of, by id: units, states, or what they told of themselves. */
export function goneMachines(model: ClusterModel): MachineId[] {
  const ids = new Set<MachineId>(model.holders);
  for (const states of model.states.values()) for (const id of states.keys()) ids.add(id);
  for (const id of model.knownMachines) {
    const { api, cordoned, draining, facts, incarnation } = model.machine(id) ?? {};
    if (api ?? cordoned ?? draining ?? facts ?? incarnation) ids.add(id);
  }
  return [...ids].filter((id) => !model.machines.has(id)).sort();
}

/** Notes that were left of units on this machine. */
export function notesOn(
  model: ClusterModel,
  machine: MachineId,
): { readonly room: NoteRoom; readonly unit: UnitName; readonly index: number }[] {
  return NOTE_ROOMS.flatMap((room) => {
    const table = model.notes[room];
    return [...table.units()].sort().flatMap((unit) => {
      const note = table.get(unit, machine);
      return note === undefined ? [] : [{ room, unit, index: note.index }];
    });
  });
}

/** Machines that somebody took off the record for good are lost at once, whatever else speaks for waiting. */
export function withRemoved(verdict: Verdict, model: ClusterModel): Verdict {
  const removed = [...model.holders].filter(
    (id) => !model.machines.has(id) && model.machine(id)?.removed !== undefined,
  );
  if (removed.length === 0) return verdict;
  const [lost, held] = [new Map(verdict.lost), new Map(verdict.held)];
  for (const id of removed.sort()) {
    lost.set(id, `it was removed ${describeMark(model.machine(id)!.removed!.value)}`);
    held.delete(id);
  }
  return { ...verdict, lost, held };
}
