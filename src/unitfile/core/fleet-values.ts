import { isGlob } from "./glob.ts";
import { type MetadataCondition, parseConditions } from "./metadata-condition.ts";
import { expandMachineSpecifiers, expandUnitSpecifiers } from "./specifiers.ts";
import { type UnitName, unitNameParts } from "./unit-name.ts";

/** Of the units whose name matches `group`, at most `max` may share a machine. */
export interface MachineLimit {
  readonly max: number;
  readonly group: string;
}

/** A condition that counts for a machine rather than against it. */
export interface Preference {
  readonly condition: MetadataCondition;
  readonly weight: number;
}

/** Units whose name matches `group` are to be as many for one value of the metadata key as for another. */
export interface Spread {
  readonly key: string;
  readonly group: string;
}

export const LIMIT_MAX = 1_000_000;
export const WEIGHT_MAX = 1_000;
export const PRIORITY_MAX = 1_000;

/** `2`, for the instances of the unit's template, or `2 web-*.service`; undefined when it is neither. */
export function parseMachineLimit(value: string, name: UnitName): MachineLimit | undefined {
  const [, digits, glob] = /^(\d+)(?:\s+(\S+))?$/.exec(value.trim()) ?? [];
  const max = Number(digits);
  const group = glob ?? ownGroup(name);
  if (!(max >= 1 && max <= LIMIT_MAX) || group === undefined || !isGlob(group)) return undefined;
  return { max, group };
}

/** `zone`, for the instances of the unit's template, or `zone web-*.service`; undefined when it is neither. */
export function parseSpread(value: string, name: UnitName): Spread | undefined {
  const [, key, glob] = /^([^\s=!<>(),"']+)(?:\s+(\S+))?$/.exec(value.trim()) ?? [];
  const group = glob ?? ownGroup(name);
  if (key === undefined || group === undefined || !isGlob(group)) return undefined;
  return {
    key: expandMachineSpecifiers(key, undefined),
    group: expandMachineSpecifiers(group, undefined),
  };
}

/** `zone=a`, or with a weight `10 zone=a`; one condition. */
export function parsePreference(value: string): Preference | undefined {
  const [, digits = "1", rest = ""] = /^(?:(\d+)\s+)?(.*)$/s.exec(value.trim()) ?? [];
  const weight = Number(digits);
  const [condition, ...more] = parseConditions(rest);
  if (condition === undefined || more.length > 0 || weight < 1 || weight > WEIGHT_MAX)
    return undefined;
  return { condition, weight };
}

export function parsePriority(value: string): number | undefined {
  const priority = /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
  return Math.abs(priority) <= PRIORITY_MAX ? priority : undefined;
}

export function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(true|yes|1|on|t)$/i.test(value);
}

export function isFalse(value: string): boolean {
  return /^(false|no|0|off|f)$/i.test(value);
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

/** Names of units hold no blanks, so those separate them, in quotes or not; a value of nothing else is an empty name. */
function splitNames(value: string): string[] {
  return splitQuoted(value).flatMap((one) => one.trim().split(/\s+/));
}

/** How a line is taken apart; `line` means not at all. */
export type ValueSplit = "quotes" | "blanks" | "line";

/** All values of one line with the specifiers of the unit's name expanded. */
export function valuesOf(value: string, name: UnitName, split: ValueSplit): string[] {
  const splitter = { quotes: splitQuoted, blanks: splitNames, line: (one: string) => [one] }[split];
  const values = splitter(value);
  return values.map((one) => expandUnitSpecifiers(one, name));
}

/** A glob for all instances of the unit's template; a plain unit belongs to none. */
function ownGroup(name: UnitName): string | undefined {
  const { prefix, type, template } = unitNameParts(name);
  if (template === undefined) return undefined;
  return `${prefix.replaceAll("\\", "\\\\")}@*.${type}`;
}
