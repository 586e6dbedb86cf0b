import { parseMachineId } from "#fleet/core/machine-id.ts";
import { globalFits } from "#fleet/core/misfit.ts";
import type { SchemaMachine, SchemaUnit, SchemaUnitState } from "#fleet/core/schema.ts";
import { unitOf } from "#fleet/core/unit.ts";
import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import { isUnitName } from "#unitfile/core/unit-name.ts";

/** The machines a unit belongs on now: the one it is placed on, or for a global unit all that fit. */
export function machinesOf(unit: SchemaUnit, machines: readonly SchemaMachine[]): string[] {
  const file = isUnitName(unit.name)
    ? unitOf(unit.name, "", serialiseUnitFile(unit.options))
    : undefined;
  if (file === undefined || "problem" in file || !file.wants.global)
    return unit.machineID === undefined ? [] : [unit.machineID];
  if (unit.desiredState === "inactive") return [];
  return machines
    .filter(({ id, metadata, primaryIP }) =>
      globalFits(file, {
        id: parseMachineId(id),
        metadata: new Map(Object.entries(metadata)),
        publicIp: primaryIP,
        version: "",
      }),
    )
    .map(({ id }) => id);
}

/** What systemd says of a unit on one machine it belongs on. */
export interface Place {
  readonly machine: string;
  /** systemd's word; `inactive` when the machine reports nothing. */
  readonly active: string;
  readonly sub: string;
}

/** One for each machine the unit belongs on. */
export function placesOf(
  name: string,
  machines: readonly string[],
  states: readonly SchemaUnitState[],
): Place[] {
  return machines.map((machine) => {
    const state = states.find((s) => s.name === name && s.machineID === machine);
    const active = state?.systemdActiveState || "inactive";
    return { machine, active, sub: state?.systemdSubState || "dead" };
  });
}

/** From the one that says most about the whole: one machine that failed is a failure, one that lacks is a lack. */
const WORST_FIRST = ["failed", "inactive", "deactivating", "maintenance", "activating"];

/** systemd's word for the unit as a whole: `active` only where it is active wherever it belongs, and it belongs somewhere. */
export function wordFor(places: readonly Place[]): string {
  const words = places.map(({ active }) => active);
  const worst = WORST_FIRST.find((word) => words.includes(word));
  return worst ?? words.find((word) => word !== "active") ?? words[0] ?? "inactive";
}

/** As systemctl counts: a unit that reloads is active. */
export function isActiveWord(word: string): boolean {
  return ["active", "reloading", "refreshing"].includes(word);
}
