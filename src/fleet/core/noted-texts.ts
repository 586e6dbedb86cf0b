import type { ClusterModel } from "./cluster-model.ts";
import { isActive, textsOf } from "./rollout.ts";

/** Hashes of the texts that rollouts and histories may go back to. */
export function notedTexts(model: ClusterModel): ReadonlySet<string> {
  const { history, rollouts } = model.notes;
  const hashes = new Set<string>();
  for (const unit of history.units())
    for (const { hash } of history.get(unit)?.value.versions ?? []) hashes.add(hash);
  for (const key of rollouts.units()) {
    const rollout = rollouts.get(key)?.value;
    if (isActive(rollout)) for (const hash of textsOf(rollout)) hashes.add(hash);
  }
  return hashes;
}

/** Histories and ended rollouts of units that are gone and whose record of removal is, too. */
export function* forgottenNotes(model: ClusterModel): Generator<{ key: string; index: number }> {
  const { history, rollouts } = model.notes;
  const isGone = (unit: Parameters<typeof history.get>[0]) =>
    model.jobs.get(unit)?.hash === undefined && !model.removed.has(unit);
  for (const unit of history.units()) {
    const note = history.get(unit);
    if (note !== undefined && isGone(unit))
      yield { key: model.keys.note("history", unit), index: note.index };
  }
  for (const room of ["results", "runs", "timers"] as const) {
    const table = model.notes[room];
    for (const unit of table.units()) {
      if (model.jobs.get(unit)?.hash !== undefined) continue;
      const own = table.get(unit);
      if (own !== undefined) yield { key: model.keys.note(room, unit), index: own.index };
      for (const [machine, { index }] of table.of(unit))
        yield { key: model.keys.note(room, unit, machine), index };
    }
  }
  for (const key of rollouts.units()) {
    const note = rollouts.get(key);
    const isOver = note !== undefined && !isActive(note.value);
    if (isOver && isGone(key) && note.value.members.every(({ unit }) => isGone(unit)))
      yield { key: model.keys.note("rollouts", key), index: note.index };
  }
}
