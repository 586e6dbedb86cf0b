import type { SimulatedMachine } from "#fleet/simulated-cluster.ts";
import { hashOf } from "#fleet/unit-files.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";

/** The hash of the unit's file on the machine, if it is there. */
export function hashOn({ files }: SimulatedMachine, unit: string): string | undefined {
  const text = files.texts.get(files.path(unit as UnitName));
  return text === undefined ? undefined : hashOf(text);
}
