import type { SchemaAsker } from "./core/schema.ts";

/** What can be done with machines through the fleet API; rejects as the FleetClient does, MACHINE_NOT_FOUND among it. */
export interface MachineOperations {
  /** Closes the machine to new units. */
  cordon(machineID: string, asker: SchemaAsker, signal: AbortSignal): Promise<void>;
  /** Opens it again, and ends a drain. */
  uncordon(machineID: string, asker: SchemaAsker, signal: AbortSignal): Promise<void>;
}

/** One request of the API v1, with its answer's body. */
export type MachineCall = (
  what: {
    readonly method: string;
    readonly path: string;
    readonly body?: object;
    /** What it is about, for the message of an error that brings none. */
    readonly action: string;
  },
  signal: AbortSignal,
) => Promise<string>;

export function machineOperations(call: MachineCall): MachineOperations {
  const machine = (id: string, part: string) =>
    `/fleet/v1/machines/${encodeURIComponent(id)}/${part}`;
  return {
    cordon: async (id, asker, signal) => {
      const path = machine(id, "cordon");
      await call({ method: "POST", path, body: asker, action: `cordon machine ${id}` }, signal);
    },
    uncordon: async (id, asker, signal) => {
      const path = machine(id, "cordon");
      await call({ method: "DELETE", path, body: asker, action: `uncordon machine ${id}` }, signal);
    },
  };
}
