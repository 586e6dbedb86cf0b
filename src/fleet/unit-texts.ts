import { Fault } from "#base/fault.ts";
import type { SchemaHistory, SchemaRollout } from "./core/rollout-schema.ts";

/** What the fleet API tells of a unit's texts; rejects as the FleetClient does. */
export interface UnitTexts {
  /** The rollout that the unit, or its template, is in or was in last; undefined when there is none. */
  rollout(name: string, signal: AbortSignal): Promise<SchemaRollout | undefined>;
  /** Takes back a rollout that is under way; FLEET_REFUSED when none is. */
  takeBack(name: string, signal: AbortSignal): Promise<void>;
  /** The texts that a unit had; with a version only that, and what it says. */
  history(name: string, version: number | undefined, signal: AbortSignal): Promise<SchemaHistory>;
}

/**
 * @param read gives what GET answers for that part of a unit
 * @param remove has DELETE remove it
 */
export function unitTexts(
  read: <T>(name: string, part: string, signal: AbortSignal) => Promise<T>,
  remove: (name: string, part: string, signal: AbortSignal) => Promise<void>,
): UnitTexts {
  return {
    takeBack: (name, signal) => remove(name, "rollout", signal),
    rollout: async (name, signal) => {
      const found = await unlessMissing(() =>
        read<Partial<SchemaRollout>>(name, "rollout", signal),
      );
      return isRollout(found) ? found : undefined;
    },
    history: async (name, version, signal) => {
      const part = version === undefined ? "history" : `history?version=${version}`;
      const found = await read<Partial<SchemaHistory>>(name, part, signal);
      if (isHistory(found)) return found;
      throw new Fault(
        "FLEET_REFUSED",
        `Cannot read the history of ${name}: the answer holds none; is this endpoint a fleetd of Keelson?`,
      );
    },
  };
}

/** Undefined when there is no such unit. */
export async function unlessMissing<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof Fault && error.code === "UNIT_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Other servers of this API may answer with the unit. */
function isRollout(found: Partial<SchemaRollout> | undefined): found is SchemaRollout {
  return found?.members !== undefined;
}

function isHistory(found: Partial<SchemaHistory>): found is SchemaHistory {
  return found.versions !== undefined;
}
