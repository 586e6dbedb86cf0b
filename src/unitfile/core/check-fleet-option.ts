import { HEALTH_RULES, healthWithoutCheck } from "./check-health-option.ts";
import { fleetOptions, fleetSection } from "./fleet-section.ts";
import {
  isFalse,
  isTrue,
  LIMIT_MAX,
  PRIORITY_MAX,
  parseMachineLimit,
  parsePreference,
  parsePriority,
  parseSpread,
  type ValueSplit,
  valuesOf,
  WEIGHT_MAX,
} from "./fleet-values.ts";
import { isGlob } from "./glob.ts";
import { CONDITION_FORMS, type MetadataCondition, parseConditions } from "./metadata-condition.ts";
import { nearestWord } from "./nearest-word.ts";
import { parseBytes, parseMillicores } from "./quantity.ts";
import { hasMachineSpecifier } from "./specifiers.ts";
import { TIMER_RULES, timerMisplaced } from "./timer-policy.ts";
import type { UnitFile, UnitFileWarning, UnitOption } from "./unit-file.ts";
import { isUnitName, type UnitName, unitNameParts } from "./unit-name.ts";
import { parseMonitorMs, parseParallel, parseUpdateOrder } from "./update-policy.ts";

/** What is to be said of values of one key. */
interface KeyRule {
  /** Of which form a value has to be, in words that follow "is not". */
  readonly expected: string;
  readonly isUsable: (value: string, name: UnitName) => boolean;
  /** Which part of a value that is not is wrong, where that can be said. */
  readonly flawOf?: ((value: string) => string | undefined) | undefined;
  /** Whether a bad value keeps the unit out; otherwise it is warned of and has no effect, as in the original. */
  readonly refuses: boolean;
  /** What separates its values. */
  readonly split: ValueSplit;
  /** Whether `%m`, `%H` and `%l` mean something in it. */
  readonly knowsMachine: boolean;
}

const NAMES: KeyRule = {
  expected: "a value",
  isUsable: (value) => value !== "",
  refuses: false,
  split: "blanks",
  knowsMachine: true,
};
const GLOBS: KeyRule = {
  ...NAMES,
  expected: "a glob pattern",
  // A slip in a glob would silently allow what it should prevent.
  isUsable: isGlob,
  refuses: true,
};
/** Of units that come first: a name without its type would silently mean none. */
const EARLIER: KeyRule = {
  ...GLOBS,
  expected: "the whole name of a unit or a glob pattern",
  isUsable: (value) => isUnitName(value) || (/[*?[%]/.test(value) && isGlob(value)),
};
const SWITCH: KeyRule = {
  expected: "true or false",
  isUsable: (value) => isTrue(value) || isFalse(value),
  refuses: false,
  split: "quotes",
  knowsMachine: false,
};
const METADATA: KeyRule = {
  expected: CONDITION_FORMS,
  isUsable: (value) => {
    const conditions = parseConditions(value);
    return conditions.length > 0 && conditions.every(isAsMeant);
  },
  refuses: true,
  split: "quotes",
  knowsMachine: true,
};

/** Blanks around a `=` count, as in the original, and so does what looks like another condition behind the value. */
function isAsMeant(condition: MetadataCondition): boolean {
  const values = condition.kind === "anyOf" ? condition.values : [];
  const isPlain = (text: string) => text.trim() === text && !/\s.*[!<>]/.test(text);
  return isPlain(condition.key) && !condition.key.startsWith("!") && values.every(isPlain);
}

/** Every key that counts in [X-Fleet]; from OnPartition on they are Keelson's. */
const RULES: ReadonlyMap<string, KeyRule> = new Map([
  ["MachineID", { ...NAMES, split: "quotes" }],
  ["X-ConditionMachineID", { ...NAMES, split: "quotes" }],
  ["X-ConditionMachineBootID", { ...NAMES, split: "quotes" }],
  ["MachineOf", NAMES],
  ["X-ConditionMachineOf", NAMES],
  ["MachineMetadata", METADATA],
  ["X-ConditionMachineMetadata", METADATA],
  ["Conflicts", GLOBS],
  ["X-Conflicts", GLOBS],
  ["Replaces", GLOBS],
  ["Global", SWITCH],
  ["OnPartition", ours("keep or stop", (value) => value === "keep" || value === "stop")],
  ["After", EARLIER],
  ["Requires", EARLIER],
  ["AtMostOnce", { ...SWITCH, expected: "yes or no", refuses: true }],
  [
    "MaxPerMachine",
    {
      ...ours(
        `a number of 1 to ${LIMIT_MAX} for instances of a template, or with a glob of units after it`,
        (value, name) => parseMachineLimit(value, name) !== undefined,
      ),
      knowsMachine: true,
    },
  ],
  [
    "Prefer",
    {
      ...ours(
        `a condition such as ${CONDITION_FORMS}, with a weight of 1 to ${WEIGHT_MAX} before it or not`,
        (value) => parsePreference(value) !== undefined,
      ),
      knowsMachine: true,
    },
  ],
  [
    "Spread",
    ours(
      "a key of metadata for instances of a template, or with a glob of units after it",
      (value, name) => parseSpread(value, name) !== undefined,
    ),
  ],
  [
    "Priority",
    ours(
      `a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}`,
      (value) => parsePriority(value) !== undefined,
    ),
  ],
  [
    "MemoryNeed",
    ours("bytes above 0 such as 512M or 1.5G", (value) => parseBytes(value) !== undefined),
  ],
  [
    "CPUNeed",
    ours("processor cores above 0 such as 2 or 0.5", (v) => parseMillicores(v) !== undefined),
  ],
  [
    "UpdateParallel",
    ours(
      "a number above 0, or a part of all from 1% to 100%",
      (v) => parseParallel(v) !== undefined,
    ),
  ],
  [
    "UpdateOrder",
    ours("stop-first or start-first", (value) => parseUpdateOrder(value) !== undefined),
  ],
  [
    "UpdateMonitor",
    ours("a time such as 5s or 1min 30s, at most a day", (v) => parseMonitorMs(v) !== undefined),
  ],
  ...TIMER_RULES.map(([key, expected, isUsable, flawOf]): [string, KeyRule] => [
    key,
    { ...ours(expected, isUsable), flawOf },
  ]),
  ...HEALTH_RULES.map(([key, expected, isUsable]): [string, KeyRule] => [
    key,
    { ...ours(expected, isUsable), split: "line", knowsMachine: key === "HealthCheck" },
  ]),
]);

export const FLEET_KEYS: readonly string[] = [...RULES.keys()];

function ours(expected: string, isUsable: KeyRule["isUsable"]): KeyRule {
  return { expected, isUsable, refuses: true, split: "quotes", knowsMachine: false };
}

/** Types that run processes in a control group of their own, systemd.resource-control(5). */
const WITH_RESOURCES: readonly string[] = ["service", "socket", "mount", "swap", "slice"];

/** What in [X-Fleet] keeps the unit from being submitted, in the order of the file. */
export function fleetErrors(file: UnitFile, name: UnitName): UnitFileWarning[] {
  const options = fleetOptions(file);
  return options.flatMap(
    (option) =>
      unknownKey(option) ??
      badValue(option, name, true) ??
      needWithoutProcess(option, name) ??
      startFirstAlone(option, file, name) ??
      healthWithoutCheck(option, options) ??
      timerMisplaced(option, options, file, name) ??
      [],
  );
}

/** What in [X-Fleet] is accepted but has no effect, or another one than it seems, in the order of the file. */
export function fleetWarnings(file: UnitFile, name: UnitName): UnitFileWarning[] {
  return fleetOptions(file).flatMap((option) => badValue(option, name, false) ?? []);
}

function unknownKey({ name, line }: UnitOption): UnitFileWarning | undefined {
  if (RULES.has(name)) return undefined;
  const near = nearestWord(name, FLEET_KEYS);
  const known = FLEET_KEYS.filter((key) => !key.startsWith("X-")).join(", ");
  return {
    line,
    message: `unrecognized requirement in [X-Fleet] section: ${JSON.stringify(name)}`,
    advice: near ? `did you mean ${near}?` : `use one of ${known}, or remove the line`,
  };
}

/** The first value of the line that cannot be used, if its key refuses such values, or if it does not. */
function badValue(
  { name: key, value, line }: UnitOption,
  name: UnitName,
  refuses: boolean,
): UnitFileWarning | undefined {
  const rule = RULES.get(key);
  if (rule === undefined || rule.refuses !== refuses) return undefined;
  const { expected, flawOf, split, isUsable, knowsMachine } = rule;
  // What a template's instances make of it is judged when they come.
  if (unitNameParts(name).kind === "template" && /%[nNiI]/.test(value)) return undefined;
  const values = valuesOf(value, name, split);
  const place = `${key}=${value} in [X-Fleet] section`;
  const astray = values.find((one) => !knowsMachine && hasMachineSpecifier(one));
  if (astray !== undefined)
    return {
      line,
      message: `${place} cannot be used: ${JSON.stringify(astray)} depends on the machine`,
      advice: "write it without %m, %H and %l",
    };
  const bad = values.find((one) => !isUsable(one, name));
  if (bad === undefined) return undefined;
  const what = refuses ? "cannot be used" : "has no effect";
  const flaw = flawOf?.(bad);
  const said = bad === value ? "" : `${JSON.stringify(bad)}: `;
  const wrong = flaw === undefined ? `${JSON.stringify(bad)} is not ${expected}` : `${said}${flaw}`;
  return {
    line,
    message: `${place} ${what}: ${wrong}`,
    advice: `write ${flaw === undefined ? "that" : expected}, or remove the line`,
  };
}

function needWithoutProcess(option: UnitOption, name: UnitName): UnitFileWarning | undefined {
  const { type } = unitNameParts(name);
  if (WITH_RESOURCES.includes(type)) return undefined;
  if (option.name !== "MemoryNeed" && option.name !== "CPUNeed") return undefined;
  return {
    line: option.line,
    message: `${option.name} in [X-Fleet] section has no meaning for a ${type}, which runs no process`,
    advice: "say it in the service that the unit starts",
  };
}

/** A second copy that runs beside the first for a while needs another machine, and leave to be there. */
function startFirstAlone(
  { name: key, value, line }: UnitOption,
  file: UnitFile,
  name: UnitName,
): UnitFileWarning | undefined {
  if (key !== "UpdateOrder" || value !== "start-first") return undefined;
  const { global, atMostOnce, machineId } = fleetSection(file, name);
  const against = global
    ? "Global: the unit runs on every machine already"
    : atMostOnce
      ? "AtMostOnce: two copies would run at once"
      : machineId === undefined
        ? undefined
        : "MachineID: the new copy needs another machine";
  return (
    against && {
      line,
      message: `UpdateOrder=start-first in [X-Fleet] section cannot be used with ${against}`,
      advice: "use UpdateOrder=stop-first",
    }
  );
}
