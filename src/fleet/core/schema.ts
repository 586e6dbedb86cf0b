/** Bodies of the fleet API v1, under the names they have on the wire (fleet's API v1 documentation). */

/** What is wanted of a unit, and how far it is. */
export type UnitStateName = "inactive" | "loaded" | "launched";
export const UNIT_STATE_NAMES: readonly UnitStateName[] = ["inactive", "loaded", "launched"];

export function isUnitStateName(value: unknown): value is UnitStateName {
  return UNIT_STATE_NAMES.some((name) => name === value);
}

/** One line of a unit file. */
export interface SchemaUnitOption {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

export interface SchemaUnit {
  readonly name: string;
  readonly options: readonly SchemaUnitOption[];
  readonly desiredState: UnitStateName;
  readonly currentState: UnitStateName;
  /** Where the engine placed it; absent when nowhere, and for global units. */
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
}

export interface SchemaMachine {
  readonly id: string;
  readonly primaryIP: string;
  readonly metadata: Readonly<Record<string, string>>;
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
