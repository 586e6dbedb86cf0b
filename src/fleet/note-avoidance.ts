import type { UnitName } from "#unitfile/core/unit-name.ts";
import { AVOIDED_SECONDS, writeAvoidance } from "./core/avoidance.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { Registry } from "./registry.ts";

/** Keeps the unit away from the machine for a while, unless nothing else fits. */
export async function noteAvoidance(
  registry: Registry,
  unit: UnitName,
  machine: MachineId,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const at = { room: "avoid", unit, machine } as const;
  await registry.writeNote(at, writeAvoidance({ reason }), { ttlSeconds: AVOIDED_SECONDS }, signal);
}
