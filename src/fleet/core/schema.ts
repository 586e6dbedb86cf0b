import type { SchemaPlannedRollout } from "./rollout-schema.ts";

/** Bodies of the fleet API v1, under the names they have on the wire (fleet's API v1 documentation). */

/** What is wanted of a unit, and how far it is. */
export type UnitStateName = "inactive" | "loaded" | "launched";
export const UNIT_STATE_NAMES: readonly UnitStateName[] = ["inactive", "loaded", "launched"];

export function isUnitStateName(value: unknown): value is UnitStateName {
  return UNIT_STATE_NAMES.some((name) => name === value);
}

/** Whether a unit does its work, by its own checks. */
export type UnitHealth = "healthy" | "unhealthy" | "unknown";

/** One line of a unit file. */
export interface SchemaUnitOption {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** How a run of a service ended. */
export interface SchemaResult {
  readonly result: "success" | "failed" | "unknown";
  /** For people, such as `failed (exit status 3)`. */
  readonly text: string;
  readonly machineID: string;
  readonly exitStatus?: number;
  readonly signal?: number;
  /** Times in UTC as ISO 8601 gives them; absent when nobody saw them. */
  readonly began?: string;
  readonly ended?: string;
  /** Whether it is that of the run that was asked for last. */
  readonly current: boolean;
}

export interface SchemaUnit {
  readonly name: string;
  readonly options: readonly SchemaUnitOption[];
  readonly desiredState: UnitStateName;
  readonly currentState: UnitStateName;
  /** Where the engine placed it; absent when nowhere, and for global units. */
  readonly machineID?: string;
  /** Of the last run that ended; absent for a unit that runs on many machines, whose states say it. */
  readonly result?: SchemaResult;
  /** What it waits for by its After and Requires, for people; absent when for nothing, and of a global unit. */
  readonly waitsFor?: string;
}

/** A unit that the clock starts. */
export interface SchemaTimer {
  readonly unit: string;
  readonly calendars: readonly string[];
  /** Whether its desired state is launched; otherwise the clock does not start it. */
  readonly armed: boolean;
  /** Times in UTC as ISO 8601 gives them. */
  readonly next?: string;
  /** When the last run was due, and why it was made. */
  readonly last?: string;
  readonly lastWhy?: string;
  readonly running: boolean;
  /** Of the last run that ended. */
  readonly result?: SchemaResult;
  readonly machineID?: string;
}

export interface SchemaUnitState {
  readonly name: string;
  /** SHA-1 of the unit that runs, in hexadecimal. */
  readonly hash: string;
  readonly machineID: string;
  readonly systemdLoadState: string;
  readonly systemdActiveState: string;
  readonly systemdSubState: string;
  /** How the last run on this machine ended. */
  readonly result?: SchemaResult;
  /** What the unit's checks say of it there; absent for a unit without any, and from the original's API. */
  readonly health?: UnitHealth;
  /** Why it is unhealthy; absent when it is not. */
  readonly healthReason?: string;
  /** What it waits for there by its After and Requires, for people; absent when for nothing. */
  readonly waitsFor?: string;
}

export interface SchemaMachine {
  readonly id: string;
  readonly primaryIP: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What it calls itself, where that is known. */
  readonly hostName?: string;
  /** What it does for units now; absent when it is ready for all. */
  readonly state?: string;
  /** Since when and why it is held. */
  readonly held?: { readonly since: string; readonly reason: string };
}

/** A unit that somebody moved. */
export interface SchemaMoved {
  readonly unit: string;
  /** Where it was; the same as `to` when it was there already. */
  readonly from: string;
  readonly to: string;
  /** What the engine then moves too. */
  readonly others: readonly SchemaMove[];
}

/** What would even out the cluster, in the order in which it is to be carried out. */
export interface SchemaRebalance {
  readonly moves: readonly {
    readonly unit: string;
    readonly from: string;
    readonly to: string;
    readonly reason: string;
  }[];
  /** Units on the machines that have most and fewest. */
  readonly before: { readonly most: number; readonly fewest: number };
  readonly after: { readonly most: number; readonly fewest: number };
}

/** A unit that is on a machine while that is drained. */
export interface SchemaDrainedUnit {
  readonly unit: string;
  /** It moves as soon as its turn comes; fits no other machine now; stays without a deadline; is being stopped. */
  readonly fate: "moves" | "waits" | "stays" | "stops";
  readonly global: boolean;
  /** For one that waits: machine by machine why; empty for the last of very many. */
  readonly reasons: readonly SchemaReason[];
}

/** How far a drain is; who, why and when are null for a machine that is not drained. */
export interface SchemaDrain {
  readonly machineID: string;
  readonly state: string;
  readonly by: string | null;
  readonly why: string | null;
  readonly at: string | null;
  /** When what could not move is stopped; null for never. */
  readonly deadline: string | null;
  /** Whether that time has come. */
  readonly isOver: boolean;
  /** What is on the machine still; none when it is empty. */
  readonly units: readonly SchemaDrainedUnit[];
}

/** Who asks for something, and why. */
export interface SchemaAsker {
  readonly by: string;
  readonly why: string;
}

/** The output of `systemctl status` on the machine that runs the unit. */
export interface SchemaUnitStatus {
  readonly exitStatus: number;
  readonly text: string;
}

/** Why a unit may or may not run on one machine; the text is meant for people. */
export interface SchemaReason {
  readonly machineID: string;
  readonly fits: boolean;
  readonly reason: string;
}

export interface SchemaReasons {
  readonly unit: string;
  readonly placed: string | null;
  readonly reasons: readonly SchemaReason[];
}

/** A unit as a request for a plan gives it, with the members of a PUT. */
export interface SchemaPlanUnit {
  readonly name: string;
  readonly desiredState: UnitStateName;
  /** The unit's file; absent for a unit that is there and keeps its file. */
  readonly options?: readonly SchemaUnitOption[];
}

/** What writing a unit would do. */
export interface SchemaPlannedUnit {
  readonly unit: string;
  /** What the write is to the unit: its first, another file, another desired state, or nothing new. */
  readonly change: "create" | "replace" | "update" | "none";
  readonly desiredState: UnitStateName;
  readonly global: boolean;
  /** Machine ids before and after; null for nowhere, and for a global unit. */
  readonly from: string | null;
  readonly to: string | null;
  /** All machines it would be on; of a global unit there may be many. */
  readonly machines: readonly string[];
  readonly reason: string;
  /** For a unit that would be wanted and be nowhere: machine by machine why; empty for the last of very many. */
  readonly reasons: readonly SchemaReason[];
}

/** Another unit that would move, or lose its place, because of the writes. */
export interface SchemaMove {
  readonly unit: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string;
}

export interface SchemaPlan {
  /** In the order of the request. */
  readonly units: readonly SchemaPlannedUnit[];
  readonly others: readonly SchemaMove[];
  /** Rollouts that the writes would begin, if any. */
  readonly rollouts?: readonly SchemaPlannedRollout[];
}
