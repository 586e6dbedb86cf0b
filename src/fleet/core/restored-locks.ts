import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { longestLeaseMs } from "./lease-waits.ts";
import type { OnceHolder } from "./once-holder.ts";
import type { LoadedUnit } from "./reconcile.ts";
import { stopBoundMs } from "./stop-bound.ts";
import type { Versioned } from "./unit-notes.ts";

/**
 * Until when, by the monotonic clock, it is not known who holds the unit's lock, since only a backup of the store says who
 * does or that nobody does; undefined when it is known. Whoever runs the unit takes the lock anew as soon as it finds the
 * store restored, and who cannot has stopped the unit when its lease and the time of its stop are over.
 */
export function lockUnknownUntilMs(
  model: ClusterModel,
  unit: UnitName,
  ttlMs: number,
): number | undefined {
  const { keys, notes, restored } = model;
  if (restored.index === undefined || !restored.isOld(keys.note("once", unit))) return undefined;
  const leases = [...model.knownMachines].map((id) => longestLeaseMs(model, id, ttlMs));
  const text = model.jobs.get(unit)?.unit;
  const stopMs = Math.max(
    notes.once.get(unit)?.value.stopMs ?? 0,
    text === undefined ? 0 : stopBoundMs(text),
  );
  return restored.beganMs + Math.max(ttlMs, ...leases) + stopMs;
}

/** Whether a copy that this machine started is there, be it about to start or to end. */
export function isThere(here: LoadedUnit | undefined): here is LoadedUnit {
  if (here === undefined || !here.launched) return false;
  return !["", "inactive", "failed"].includes(here.activeState);
}

/** The lock that a machine which runs the unit takes anew over what the backup says. */
export function reclaimedLock(
  model: ClusterModel,
  me: OnceHolder["machine"],
  unit: UnitName,
  { hash, run }: LoadedUnit,
): Versioned<OnceHolder> {
  const text = model.jobs.get(unit)?.unit;
  const value: OnceHolder = {
    machine: me,
    stopMs: text === undefined ? undefined : stopBoundMs(text),
    run: run === undefined ? undefined : { generation: run, hash },
  };
  return { value, index: model.notes.once.get(unit)?.index ?? 0 };
}
