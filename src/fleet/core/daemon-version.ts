import type { MachineRecord } from "./records.ts";

/** The version of the original that Keelson speaks for. */
export const FLEET_VERSION = "1.0.0";

const BUILD = "+keelson.";

/** Ours is build metadata, as in semver.org: what compares versions passes over it. */
export function fleetVersion(keelson: string): string {
  return `${FLEET_VERSION}${BUILD}${keelson}`;
}

/** Whether the machine's daemon is the original's, by the version in its record; the original always tells one. */
export function isOriginal({ version }: Pick<MachineRecord, "version">): boolean {
  return /^\d+\.\d+\.\d+/.test(version) && !version.includes(BUILD);
}
