import type { SchemaAsker, SchemaTimer } from "./core/schema.ts";
import type { MachineCall } from "./machine-operations.ts";

/** What can be asked about units that the clock starts; rejects as the FleetClient does. */
export interface TimerOperations {
  /** Sorted by name. */
  listTimers(signal: AbortSignal): Promise<SchemaTimer[]>;
  /** Has one run now. */
  trigger(unit: string, asker: SchemaAsker, signal: AbortSignal): Promise<void>;
}

export function timerOperations(call: MachineCall): TimerOperations {
  return {
    listTimers: async (signal) => {
      const about = { method: "GET", path: "/fleet/v1/timers", action: "list timers" };
      return (JSON.parse(await call(about, signal)) as { timers: SchemaTimer[] }).timers;
    },
    trigger: async (unit, body, signal) => {
      const path = `/fleet/v1/units/${encodeURIComponent(unit)}/trigger`;
      const action = `trigger unit ${unit}`;
      await call({ method: "POST", path, body, action, missing: "UNIT_NOT_FOUND" }, signal);
    },
  };
}
