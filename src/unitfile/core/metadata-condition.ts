import { isOrMatches } from "./glob.ts";
import { parseQuantity } from "./quantity.ts";
import { expandMachineSpecifiers, type MachineNames } from "./specifiers.ts";

/** One condition on a machine's metadata. `text` is how it is written, for people. */
export type MetadataCondition = { readonly key: string; readonly text: string } & (
  | { readonly kind: "anyOf" | "noneOf"; readonly values: readonly string[] }
  | { readonly kind: "present" | "absent" }
  | { readonly kind: "number"; readonly operator: Operator; readonly bound: number }
);
type Operator = "<" | "<=" | ">" | ">=";

/** What conditions are about; their values may be globs and name the machine. */
export interface ConditionedMachine extends MachineNames {
  readonly metadata: ReadonlyMap<string, string>;
}

const KEY = "[^\\s=!<>(),\"']+";
const PRESENT = new RegExp(`^(!?)\\s*(${KEY})$`);
const SET = new RegExp(`^(${KEY})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const COMPARISON = new RegExp(`^(${KEY})\\s*(!=|<=|>=|<|>)\\s*([^\\s=<>][^=<>]*)$`);

/** What a condition has to look like, for messages. */
export const CONDITION_FORMS =
  "KEY=VALUE, KEY!=VALUE, KEY in (A, B), KEY notin (A, B), KEY, !KEY or KEY>=NUMBER";

/**
 * The conditions of one value: mostly one, several where an unquoted line holds such as `az=a region!=lab`, none where
 * it holds what is no condition. A value with one `=` is KEY=VALUE with all its characters, as the original reads it.
 */
export function parseConditions(value: string): MetadataCondition[] {
  const whole = parseCondition(value);
  if (whole !== undefined) return [whole];
  const words = value.trim().split(/\s+/);
  const conditions = words.flatMap((word) =>
    /[=<>]/.test(word) ? (parseCondition(word) ?? []) : [],
  );
  return conditions.length === words.length ? conditions : [];
}

function parseCondition(text: string): MetadataCondition | undefined {
  const trimmed = text.trim();
  const [, not, named] = PRESENT.exec(trimmed) ?? [];
  if (named !== undefined)
    return { kind: not ? "absent" : "present", key: named, text: `${not}${named}` };
  const [, key = "", word, list] = SET.exec(trimmed) ?? [];
  if (word !== undefined) return setCondition(key, word, list ?? "");
  const [, left = "", operator, right = ""] = COMPARISON.exec(trimmed) ?? [];
  if (operator !== undefined) return comparison(left, operator, right);
  const [own, value, ...more] = text.split("=");
  return own && value && more.length === 0 && !/[!<>]$/.test(own)
    ? { kind: "anyOf", key: own, values: [value], text: `${own}=${value}` }
    : undefined;
}

function setCondition(key: string, word: string, list: string): MetadataCondition | undefined {
  const values = list.split(",").map((value) => value.trim());
  if (values.includes("")) return undefined;
  const kind = word === "in" ? "anyOf" : "noneOf";
  return { kind, key, values, text: `${key} ${word} (${values.join(", ")})` };
}

function comparison(key: string, operator: string, right: string): MetadataCondition | undefined {
  const text = `${key}${operator}${right}`;
  if (operator === "!=") return { kind: "noneOf", key, values: [right], text };
  const bound = parseQuantity(right);
  if (bound === undefined) return undefined;
  return { kind: "number", key, operator: operator as Operator, bound, text };
}

/** Values of KEY=VALUE for the same key count together: a machine has to have any of them. */
export function joinEqualKeys(conditions: readonly MetadataCondition[]): MetadataCondition[] {
  const joined = new Map<string, MetadataCondition>();
  for (const condition of conditions) {
    const isPair = condition.kind === "anyOf" && condition.text.startsWith(`${condition.key}=`);
    const at = isPair ? `${condition.key}=` : condition.text;
    const before = joined.get(at);
    if (before?.kind !== "anyOf" || condition.kind !== "anyOf" || !isPair)
      joined.set(at, condition);
    else {
      const values = [...new Set([...before.values, ...condition.values])];
      const text = values.map((value) => `${condition.key}=${value}`).join(" or ");
      joined.set(at, { ...before, values, text });
    }
  }
  return [...joined.values()];
}

/** Whether the machine is as the condition says. What compares needs the key; what excludes also allows its absence. */
export function meetsCondition(condition: MetadataCondition, machine: ConditionedMachine): boolean {
  const has = machine.metadata.get(condition.key);
  const isOneOf = (values: readonly string[]) =>
    has !== undefined &&
    values.some((value) => isOrMatches(expandMachineSpecifiers(value, machine), has));
  switch (condition.kind) {
    case "anyOf":
      return isOneOf(condition.values);
    case "noneOf":
      return !isOneOf(condition.values);
    case "present":
      return has !== undefined;
    case "absent":
      return has === undefined;
    case "number": {
      const number = has === undefined ? undefined : parseQuantity(has);
      return number !== undefined && compares(number, condition.operator, condition.bound);
    }
    default:
      return condition satisfies never;
  }
}

function compares(number: number, operator: Operator, bound: number): boolean {
  switch (operator) {
    case "<":
      return number < bound;
    case "<=":
      return number <= bound;
    case ">":
      return number > bound;
    case ">=":
      return number >= bound;
    default:
      return operator satisfies never;
  }
}
