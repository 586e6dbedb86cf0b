import { isOrMatches } from "#unitfile/core/glob.ts";
import { type MetadataCondition, meetsCondition } from "#unitfile/core/metadata-condition.ts";
import { formatBytes, formatCores } from "#unitfile/core/quantity.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isOriginal } from "./daemon-version.ts";
import { type MachineId, meansMachine } from "./machine-id.ts";
import type { MachineRecord } from "./records.ts";
import { isLeased } from "./stop-bound.ts";
import type { Unit } from "./unit.ts";

/** Why a unit may not run on a machine. */
export type Misfit =
  | { readonly kind: "machineId"; readonly wanted: string }
  | {
      readonly kind: "metadata";
      readonly condition: MetadataCondition;
      readonly has: string | undefined;
    }
  | { readonly kind: "peer"; readonly peer: string; readonly at: MachineId | undefined }
  /** None of the units that the glob means is there. */
  | { readonly kind: "noPeer"; readonly glob: string }
  | { readonly kind: "conflict"; readonly other: UnitName }
  | { readonly kind: "replaced"; readonly by: UnitName }
  /** As many of the group as may share a machine are there. */
  | { readonly kind: "full"; readonly max: number; readonly group: string; readonly count: number }
  /** `need`, `free` and `capacity` in bytes, or in thousandths of a core. */
  | {
      readonly kind: "memory" | "cpu";
      readonly need: number;
      readonly free: number;
      readonly capacity: number;
    }
  | { readonly kind: "leaving" }
  /** Nobody there would stop it when the machine is cut off. */
  | { readonly kind: "original"; readonly key: string }
  /** Somebody closed it to new units. */
  | { readonly kind: "cordoned"; readonly how: string };

/** For people, as the fleet API gives it. */
export function describeMisfit(misfit: Misfit): string {
  switch (misfit.kind) {
    case "machineId":
      return `MachineID ${misfit.wanted || '""'}: this is another machine`;
    case "metadata":
      return describeMetadata(misfit);
    case "peer":
      return misfit.at === undefined
        ? `MachineOf ${misfit.peer}: that unit is placed nowhere`
        : `MachineOf ${misfit.peer}: that unit is on ${misfit.at}`;
    case "noPeer":
      return `MachineOf ${misfit.glob}: no unit of such a name is placed here`;
    case "conflict":
      return `conflicts with ${misfit.other}`;
    case "replaced":
      return `replaced by ${misfit.by}`;
    case "full":
      return `MaxPerMachine ${misfit.max} of ${misfit.group}: machine has ${misfit.count}`;
    case "memory": {
      const { need, free, capacity } = misfit;
      return `MemoryNeed ${formatBytes(need)}: ${formatBytes(free)} of ${formatBytes(capacity)} are free`;
    }
    case "cpu": {
      const { need, free, capacity } = misfit;
      return `CPUNeed ${formatCores(need)}: ${formatCores(free)} of ${formatCores(capacity)} cores are free`;
    }
    case "original":
      return `${misfit.key}: this machine's agent is the original's, which would not stop it in time`;
    case "leaving":
      return "machine is leaving the cluster";
    case "cordoned":
      return `machine ${misfit.how}`;
    default:
      return misfit satisfies never;
  }
}

function describeMetadata({ condition, has }: Misfit & { kind: "metadata" }): string {
  const { key, kind, text } = condition;
  const found = has === undefined ? `no ${key}` : `${key}=${has}`;
  const isNumber = has === undefined || /^-?\d+(\.\d+)?[KMGT]?$/.test(has);
  const remark = kind === "number" && !isNumber ? ", which is no number" : "";
  return `MachineMetadata ${text}: machine has ${found}${remark}`;
}

/** What the machine itself lacks for the unit, other units aside. */
export function machineMisfit(unit: Unit, machine: MachineRecord): Misfit | undefined {
  const { machineId } = unit.wants;
  if (machineId !== undefined && !isWantedMachine(machineId, machine))
    return { kind: "machineId", wanted: machineId };
  if (isLeased(unit) && isOriginal(machine))
    return { kind: "original", key: unit.wants.atMostOnce ? "AtMostOnce" : "OnPartition" };
  return metadataMisfit(unit.wants.machineMetadata, machine);
}

/** Whether a value of MachineID means this machine. */
export function isWantedMachine(wanted: string, machine: MachineRecord): boolean {
  return meansMachine(expandMachineSpecifiers(wanted, machine), machine.id);
}

function metadataMisfit(
  wanted: Unit["wants"]["machineMetadata"],
  machine: MachineRecord,
): Misfit | undefined {
  for (const condition of wanted)
    if (!meetsCondition(condition, machine))
      return { kind: "metadata", condition, has: machine.metadata.get(condition.key) };
  return undefined;
}

/** Whether a global unit runs on this machine; only metadata counts for them, as in the original. */
export function globalFits(unit: Unit, machine: MachineRecord): boolean {
  return metadataMisfit(unit.wants.machineMetadata, machine) === undefined;
}

/** What keeps `unit` from sharing this machine with `mate`. */
export function mateMisfit(unit: Unit, mate: Unit, machine: MachineRecord): Misfit | undefined {
  if (
    matchesAny(unit.wants.conflicts, mate.name, machine) ||
    matchesAny(mate.wants.conflicts, unit.name, machine)
  )
    return { kind: "conflict", other: mate.name };
  if (replaces(mate, unit, machine)) return { kind: "replaced", by: mate.name };
  return undefined;
}

/** Whether `unit` makes `mate` move away from this machine; two that name each other stay as they are. */
export function replaces(unit: Unit, mate: Unit, machine: MachineRecord): boolean {
  return (
    matchesAny(unit.wants.replaces, mate.name, machine) &&
    !matchesAny(mate.wants.replaces, unit.name, machine)
  );
}

function matchesAny(patterns: readonly string[], name: string, machine: MachineRecord): boolean {
  return patterns.some((pattern) => isOrMatches(expandMachineSpecifiers(pattern, machine), name));
}
