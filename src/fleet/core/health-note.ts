import * as v from "valibot";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { type Parsed, readJson } from "./records.ts";
import { textHere } from "./rolling-text.ts";
import type { UnitHealth } from "./schema.ts";

/** What the agent of a machine found out about a unit there, under `health/UNIT/MACHINE`; written when it changes. */
export interface HealthNote {
  readonly healthy: boolean;
  /** When it came to be so, in UTC as ISO 8601 gives it. */
  readonly since: string;
  /** How many checks in a row had failed then. */
  readonly failures: number;
  /** What the last of them said: a line of output, an HTTP status; empty for a healthy unit. */
  readonly reason: string;
  /** The unit file that was checked. */
  readonly hash: string;
  /** Restarts for its health that have not helped so far. */
  readonly restarts: number;
  /** Whether it is to go to another machine, since nothing helps here. */
  readonly move: boolean;
}

const Wire = v.object({
  healthy: v.boolean(),
  since: v.string(),
  failures: v.number(),
  reason: v.string(),
  hash: v.string(),
  restarts: v.number(),
  move: v.boolean(),
});

export function readHealthNote(json: string): Parsed<HealthNote> {
  return readJson(Wire, json, (wire) => wire);
}

export function writeHealthNote(note: HealthNote): string {
  const { healthy, since, failures, reason, hash, restarts, move } = note;
  return JSON.stringify({ healthy, since, failures, reason, hash, restarts, move });
}

/**
 * Whether the unit does its work on the machine, as its `HealthCheck` says of the file that it is to have there now. Unknown
 * while the unit is not active there, before its first verdict, and for a unit that has no check: then only systemd's
 * word counts.
 */
export function isHealthy(model: ClusterModel, name: UnitName, machine: MachineId): UnitHealth {
  const unit = textHere(model, machine, name);
  const state = model.states.get(name)?.get(machine);
  const note = model.notes.health.get(name, machine)?.value;
  if (unit?.wants.health === undefined || note === undefined) return "unknown";
  if (!model.machines.has(machine) || state?.activeState !== "active") return "unknown";
  if (note.hash !== unit.hash || state.hash !== unit.hash) return "unknown";
  return note.healthy ? "healthy" : "unhealthy";
}

/**
 * Whether the unit serves on the machine: systemd has the file active there that the machine is to have, by the job or by a
 * rollout under way, and its checks, if it has any, pass.
 */
export function isServing(model: ClusterModel, name: UnitName, machine: MachineId): boolean {
  const unit = textHere(model, machine, name);
  const state = model.states.get(name)?.get(machine);
  if (unit === undefined || state?.activeState !== "active" || state.hash !== unit.hash)
    return false;
  if (!model.machines.has(machine)) return false;
  return unit.wants.health === undefined || isHealthy(model, name, machine) === "healthy";
}

/** After so many restarts in a row that did not help, another machine is tried. */
export const RESTARTS_MAX = 3;
