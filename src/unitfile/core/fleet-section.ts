import { nearestWord } from "./nearest-word.ts";
import { expandSpecifiers } from "./specifiers.ts";
import type { UnitFile, UnitFileWarning, UnitOption } from "./unit-file.ts";
import type { UnitName } from "./unit-name.ts";

/** What a unit's [X-Fleet] section asks of the scheduler, specifiers expanded. Other sections do not count. */
export interface FleetSection {
  /** The only machine it may run on. An empty text is kept: no machine has that id, so it runs nowhere. */
  readonly machineId: string | undefined;
  /** Units on whose machine it has to run. */
  readonly machineOf: readonly string[];
  /** Globs of units it may not share a machine with. */
  readonly conflicts: readonly string[];
  /** Globs of units that move away for it. */
  readonly replaces: readonly string[];
  /** For every key, a machine has to have one of the values. */
  readonly machineMetadata: ReadonlyMap<string, ReadonlySet<string>>;
  /** It runs on every machine that the other conditions allow. */
  readonly global: boolean;
  /** What its agent does with it when the cluster cannot be reached. */
  readonly onPartition: OnPartition;
  /** It gets a fencing token, so that two copies can never both do their work. */
  readonly atMostOnce: boolean;
}
export type OnPartition = "keep" | "stop";

/** Every key that counts in [X-Fleet], with the key it is an older spelling of. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ["MachineID", "MachineID"],
  ["X-ConditionMachineID", "MachineID"],
  ["X-ConditionMachineBootID", "MachineID"],
  ["MachineOf", "MachineOf"],
  ["X-ConditionMachineOf", "MachineOf"],
  ["MachineMetadata", "MachineMetadata"],
  ["X-ConditionMachineMetadata", "MachineMetadata"],
  ["Conflicts", "Conflicts"],
  ["X-Conflicts", "Conflicts"],
  ["Replaces", "Replaces"],
  ["Global", "Global"],
  ["OnPartition", "OnPartition"],
  ["AtMostOnce", "AtMostOnce"],
]);

/** Reads [X-Fleet]; values it cannot use count for nothing and are listed by `fleetWarnings`. */
export function fleetSection(file: UnitFile, name: UnitName): FleetSection {
  const values = (key: string) =>
    fleetOptions(file)
      .filter((option) => option.name === key)
      .flatMap((option) => splitQuoted(option.value))
      .map((value) => expandSpecifiers(value, name));
  const either = (old: string, key: string) => [...values(old), ...values(key)];
  return {
    machineId:
      values("MachineID")[0] ??
      values("X-ConditionMachineID")[0] ??
      values("X-ConditionMachineBootID")[0],
    machineOf: either("X-ConditionMachineOf", "MachineOf"),
    conflicts: either("X-Conflicts", "Conflicts"),
    replaces: values("Replaces"),
    machineMetadata: metadataOf(either("X-ConditionMachineMetadata", "MachineMetadata")),
    global: isTrue(values("Global").at(-1)),
    onPartition: values("OnPartition").at(-1) === "stop" ? "stop" : "keep",
    atMostOnce: isTrue(values("AtMostOnce").at(-1)),
  };
}

/** What in [X-Fleet] is accepted but has no effect, or another one than it seems, in the order of the file. */
export function fleetWarnings(file: UnitFile): UnitFileWarning[] {
  return fleetOptions(file).flatMap((option) => warningOf(option) ?? []);
}

function fleetOptions(file: UnitFile): UnitOption[] {
  return file.options.filter((option) => option.section === "X-Fleet");
}

function warningOf({ name, value, line }: UnitOption): UnitFileWarning | undefined {
  const key = KEYS.get(name);
  if (key === undefined) {
    const near = nearestWord(name, [...KEYS.keys()]);
    return {
      line,
      message: `unrecognized requirement in [X-Fleet] section: ${JSON.stringify(name)}`,
      advice: near ? `did you mean ${near}?` : "it has no effect; remove it",
    };
  }
  const bad = splitQuoted(value).find((one) => !isUsable(key, one));
  if (bad === undefined) return undefined;
  const message = `${name}=${value} in [X-Fleet] section has no effect: ${JSON.stringify(bad)} is not ${EXPECTED[key] ?? "a value"}`;
  return { line, message, advice: `write ${EXPECTED[key] ?? "a value"}, or remove the line` };
}

const EXPECTED: Readonly<Record<string, string>> = {
  MachineMetadata: "KEY=VALUE",
  Global: "true or false",
  AtMostOnce: "yes or no",
  OnPartition: "keep or stop",
};

function isUsable(key: string, value: string): boolean {
  switch (key) {
    case "MachineMetadata":
      return splitPair(value) !== undefined;
    case "Global":
    case "AtMostOnce":
      return isTrue(value) || /^(false|no|0|off|f)$/i.test(value);
    case "OnPartition":
      return value === "keep" || value === "stop";
    default:
      return value !== "";
  }
}

function metadataOf(pairs: readonly string[]): Map<string, Set<string>> {
  const metadata = new Map<string, Set<string>>();
  for (const text of pairs) {
    const pair = splitPair(text);
    if (pair === undefined) continue;
    const values = metadata.get(pair.key) ?? new Set();
    metadata.set(pair.key, values.add(pair.value));
  }
  return metadata;
}

function splitPair(text: string): { key: string; value: string } | undefined {
  const [key, value, ...more] = text.split("=");
  return key && value && more.length === 0 ? { key, value } : undefined;
}

/** The values of a line such as `"az=a" "region=lab"`; a line not within quotes is one value. */
function splitQuoted(value: string): string[] {
  if (!value.startsWith('"') || !value.endsWith('"')) return [value];
  const values: string[] = [""];
  let quoted = false;
  for (const character of value)
    if (character === '"') quoted = !quoted;
    else if (character === " " && !quoted) values.push("");
    else values[values.length - 1] += character;
  return values;
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(true|yes|1|on|t)$/i.test(value);
}
