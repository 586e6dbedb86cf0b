import { matchGlob } from "#unitfile/core/glob.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { type MachineId, meansMachine } from "./machine-id.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

/** Why a unit may not run on a machine. */
export type Misfit =
  | { readonly kind: "machineId"; readonly wanted: string }
  | {
      readonly kind: "metadata";
      readonly key: string;
      readonly wanted: ReadonlySet<string>;
      readonly has: string | undefined;
    }
  | { readonly kind: "peer"; readonly peer: string; readonly at: MachineId | undefined }
  | { readonly kind: "conflict"; readonly other: UnitName }
  | { readonly kind: "replaced"; readonly by: UnitName }
  | { readonly kind: "leaving" };

/** For people, as the fleet API gives it. */
export function describeMisfit(misfit: Misfit): string {
  switch (misfit.kind) {
    case "machineId":
      return `MachineID ${misfit.wanted || '""'}: this is another machine`;
    case "metadata": {
      const { key, wanted, has } = misfit;
      const found = has === undefined ? `no ${key}` : `${key}=${has}`;
      return `MachineMetadata ${[...wanted].map((value) => `${key}=${value}`).join(" or ")}: machine has ${found}`;
    }
    case "peer":
      return misfit.at === undefined
        ? `MachineOf ${misfit.peer}: that unit is placed nowhere`
        : `MachineOf ${misfit.peer}: that unit is on ${misfit.at}`;
    case "conflict":
      return `conflicts with ${misfit.other}`;
    case "replaced":
      return `replaced by ${misfit.by}`;
    case "leaving":
      return "machine is leaving the cluster";
    default:
      return misfit satisfies never;
  }
}

/** What the machine itself lacks for the unit, other units aside. */
export function machineMisfit({ wants }: Unit, machine: MachineRecord): Misfit | undefined {
  if (wants.machineId !== undefined && !meansMachine(wants.machineId, machine.id))
    return { kind: "machineId", wanted: wants.machineId };
  return metadataMisfit(wants.machineMetadata, machine);
}

function metadataMisfit(
  wanted: Unit["wants"]["machineMetadata"],
  machine: MachineRecord,
): Misfit | undefined {
  for (const [key, values] of wanted) {
    const has = machine.metadata.get(key);
    if (has === undefined || !values.has(has))
      return { kind: "metadata", key, wanted: values, has };
  }
  return undefined;
}

/** Whether a global unit runs on this machine; only metadata counts for them, as in the original. */
export function globalFits(unit: Unit, machine: MachineRecord): boolean {
  return metadataMisfit(unit.wants.machineMetadata, machine) === undefined;
}

/** What keeps `unit` from sharing a machine with `mate`. */
export function mateMisfit(unit: Unit, mate: Unit): Misfit | undefined {
  if (matchesAny(unit.wants.conflicts, mate.name) || matchesAny(mate.wants.conflicts, unit.name))
    return { kind: "conflict", other: mate.name };
  if (replaces(mate, unit)) return { kind: "replaced", by: mate.name };
  return undefined;
}

/** Whether `unit` makes `mate` move away; two that name each other stay as they are. */
export function replaces(unit: Unit, mate: Unit): boolean {
  return matchesAny(unit.wants.replaces, mate.name) && !matchesAny(mate.wants.replaces, unit.name);
}

const SPECIAL = /[*?[\\]/;

function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) =>
    SPECIAL.test(pattern) ? matchGlob(pattern, name) : pattern === name,
  );
}
