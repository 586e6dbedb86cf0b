import {
  isTrue,
  type MachineLimit,
  type Preference,
  parseMachineLimit,
  parsePreference,
  parsePriority,
  parseSpread,
  type Spread,
  type ValueSplit,
  valuesOf,
} from "./fleet-values.ts";
import { type HealthPolicy, healthPolicy } from "./health-policy.ts";
import { joinEqualKeys, type MetadataCondition, parseConditions } from "./metadata-condition.ts";
import { parseBytes, parseMillicores } from "./quantity.ts";
import { expandMachineSpecifiers } from "./specifiers.ts";
import { type TimerPolicy, timerPolicy } from "./timer-policy.ts";
import type { UnitFile, UnitOption } from "./unit-file.ts";
import type { UnitName } from "./unit-name.ts";
import { type UpdatePolicy, updatePolicy } from "./update-policy.ts";

/**
 * What a unit's [X-Fleet] section asks of the scheduler, with the specifiers of the unit's name expanded; `%m`, `%H`,
 * `%l` and `%%` are left in texts that are compared with a machine's. Other sections do not count.
 */
export interface FleetSection {
  /** The only machine it may run on. An empty text is kept: no machine has that id, so it runs nowhere. */
  readonly machineId: string | undefined;
  /** Units on whose machine it has to run; one that is a glob means any unit that matches. */
  readonly machineOf: readonly string[];
  /** Globs of units it may not share a machine with. */
  readonly conflicts: readonly string[];
  /** Globs of units that move away for it. */
  readonly replaces: readonly string[];
  /** Names and globs of units that are to serve before it starts, if they are wanted. */
  readonly after: readonly string[];
  /** The same, and one of each has to be wanted, or it does not run. */
  readonly requires: readonly string[];
  /** All of them have to hold of its machine. */
  readonly machineMetadata: readonly MetadataCondition[];
  /** It runs on every machine that the other conditions allow. */
  readonly global: boolean;
  /** What its agent does with it when the cluster cannot be reached. */
  readonly onPartition: OnPartition;
  /** It gets a fencing token, so that two copies can never both do their work. */
  readonly atMostOnce: boolean;
  /** How many of its kind may share a machine; all of them count. */
  readonly maxPerMachine: readonly MachineLimit[];
  /** Of the machines it may run on, those with the greatest sum of weights come first. */
  readonly prefer: readonly Preference[];
  readonly spread: Spread | undefined;
  /** Where room is short, units with a greater number are placed first; 0 unless it says otherwise. */
  readonly priority: number;
  /** Memory that is set aside for it on its machine, in bytes; 0 when it does not say. */
  readonly memoryBytes: number;
  /** Processor time that is set aside for it, in thousandths of a core; 0 when it does not say. */
  readonly millicores: number;
  /** How a newer text takes its place; undefined when that is at once. */
  readonly update: UpdatePolicy | undefined;
  /** How it is found out whether it does its work; undefined when only systemd is asked. */
  readonly health: HealthPolicy | undefined;
  /** When the clock starts it; undefined when it is started as soon as it is wanted. */
  readonly timer: TimerPolicy | undefined;
}
export type OnPartition = "keep" | "stop";

/** Reads [X-Fleet]; keys it does not know and values it cannot use count for nothing, as in the original. */
export function fleetSection(file: UnitFile, name: UnitName): FleetSection {
  const options = fleetOptions(file);
  const values = (key: string, split: ValueSplit = "quotes") =>
    options
      .filter((option) => option.name === key)
      .flatMap(({ value }) => valuesOf(value, name, split));
  const plain = (key: string) =>
    values(key).map((value) => expandMachineSpecifiers(value, undefined));
  const names = (old: string, key: string) => [...values(old, "blanks"), ...values(key, "blanks")];
  const metadata = [...values("X-ConditionMachineMetadata"), ...values("MachineMetadata")];
  const last = <T>(key: string, read: (value: string) => T | undefined) =>
    plain(key)
      .flatMap((value) => read(value) ?? [])
      .at(-1);
  const atMostOnce = isTrue(values("AtMostOnce").at(-1));
  return {
    machineId:
      values("MachineID")[0] ??
      values("X-ConditionMachineID")[0] ??
      values("X-ConditionMachineBootID")[0],
    machineOf: names("X-ConditionMachineOf", "MachineOf"),
    conflicts: names("X-Conflicts", "Conflicts"),
    replaces: values("Replaces", "blanks"),
    after: values("After", "blanks"),
    requires: values("Requires", "blanks"),
    machineMetadata: joinEqualKeys(metadata.flatMap(parseConditions)),
    global: isTrue(values("Global").at(-1)),
    onPartition: atMostOnce || values("OnPartition").at(-1) === "stop" ? "stop" : "keep",
    atMostOnce,
    maxPerMachine: values("MaxPerMachine").flatMap((value) => parseMachineLimit(value, name) ?? []),
    prefer: values("Prefer").flatMap((value) => parsePreference(value) ?? []),
    spread: values("Spread")
      .flatMap((value) => parseSpread(value, name) ?? [])
      .at(-1),
    priority: last("Priority", parsePriority) ?? 0,
    memoryBytes: last("MemoryNeed", parseBytes) ?? 0,
    millicores: last("CPUNeed", parseMillicores) ?? 0,
    update: updatePolicy(last),
    health: healthPolicy((key) => values(key, "line")),
    timer: timerPolicy(values),
  };
}

export function fleetOptions(file: UnitFile): UnitOption[] {
  return file.options.filter((option) => option.section === "X-Fleet");
}
