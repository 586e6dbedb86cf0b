import type { FaultCode } from "#base/fault.ts";
import type { SchemaAsker, SchemaDrain, SchemaMoved, SchemaRebalance } from "./core/schema.ts";

/** What can be done with machines through the fleet API; rejects as the FleetClient does, MACHINE_NOT_FOUND among it. */
export interface MachineOperations {
  /** Closes the machine to new units. */
  cordon(machineID: string, asker: SchemaAsker, signal: AbortSignal): Promise<void>;
  /** Opens it again, and ends a drain. */
  uncordon(machineID: string, asker: SchemaAsker, signal: AbortSignal): Promise<void>;
  /** Has its units move away; what could not by the deadline is stopped, without one it goes on. */
  drain(
    machineID: string,
    asker: SchemaAsker & { readonly deadlineSeconds: number | undefined },
    signal: AbortSignal,
  ): Promise<void>;
  /** How far that is. */
  drainProgress(machineID: string, signal: AbortSignal): Promise<SchemaDrain>;
  /** Takes a machine off the record that is gone; one that is alive leaves first, if it is drained or with `force`. */
  removeMachine(
    machineID: string,
    how: SchemaAsker & { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  /** Which moves would even out the cluster; nothing is written. */
  rebalance(includeAtMostOnce: boolean, signal: AbortSignal): Promise<SchemaRebalance>;
  /** Moves a unit to a machine that it fits; `force`: in spite of a cordon there, and of what the unit needs. */
  moveUnit(
    unit: string,
    how: SchemaAsker & { readonly machineID: string; readonly force: boolean },
    signal: AbortSignal,
  ): Promise<SchemaMoved>;
}

/** One request of the API v1, with its answer's body. */
export type MachineCall = (
  what: {
    readonly method: string;
    readonly path: string;
    readonly body?: object;
    /** What it is about, for the message of an error that brings none. */
    readonly action: string;
    /** What is not there when the answer says so; default MACHINE_NOT_FOUND. */
    readonly missing?: FaultCode;
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
    drain: async (id, body, signal) => {
      const path = machine(id, "drain");
      await call({ method: "POST", path, body, action: `drain machine ${id}` }, signal);
    },
    drainProgress: async (id, signal) => {
      const path = machine(id, "drain");
      const action = `read the drain of machine ${id}`;
      return JSON.parse(await call({ method: "GET", path, action }, signal)) as SchemaDrain;
    },
    moveUnit: async (unit, body, signal) => {
      const path = `/fleet/v1/units/${encodeURIComponent(unit)}/move`;
      const action = `move unit ${unit}`;
      const about = { method: "POST", path, body, action, missing: "UNIT_NOT_FOUND" } as const;
      return JSON.parse(await call(about, signal)) as SchemaMoved;
    },
    removeMachine: async (id, body, signal) => {
      const path = `/fleet/v1/machines/${encodeURIComponent(id)}`;
      const action = `remove machine ${id}`;
      await call({ method: "DELETE", path, body, action }, signal);
    },
    rebalance: async (includeAtMostOnce, signal) => {
      const path = `/fleet/v1/rebalance?includeAtMostOnce=${includeAtMostOnce}`;
      const action = "read how to rebalance";
      return JSON.parse(await call({ method: "GET", path, action }, signal)) as SchemaRebalance;
    },
    uncordon: async (id, asker, signal) => {
      const path = machine(id, "cordon");
      await call({ method: "DELETE", path, body: asker, action: `uncordon machine ${id}` }, signal);
    },
  };
}
