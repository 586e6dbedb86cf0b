import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { FILTERS } from "./template-filters.ts";
import type { Comparison, Expression } from "./template-parse.ts";
import {
  type FactGroup,
  isGroup,
  isList,
  Missing,
  numberOf,
  REVERSE_NAMES,
  shorten,
  TemplateError,
  tellNames,
  textOf,
  type Value,
} from "./template-value.ts";

/**
 * What an expression gives, by these facts. The same facts give the same value; the work is bounded by the limits on an
 * expression's length and on every text and list.
 * @throws {TemplateError} for a fact that is not known, a wrong kind of value, or an unknown filter
 */
export function evaluate(expression: Expression, facts: FactGroup): Value {
  return known(evaluateOrMissing(expression, facts));
}

function known(value: Value | Missing): Value {
  if (value instanceof Missing) throw new TemplateError(value.message);
  return value;
}

function evaluateOrMissing(expression: Expression, facts: FactGroup): Value | Missing {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "fact":
      return lookUp(expression.path, facts);
    case "call":
      return call(expression, facts);
    case "filter":
      return filter(expression, facts);
    case "not":
      return !truth(expression.of, facts);
    case "and":
      return truth(expression.left, facts) && truth(expression.right, facts);
    case "or":
      return truth(expression.left, facts) || truth(expression.right, facts);
    case "compare":
      return compare(
        expression.operator,
        evaluate(expression.left, facts),
        evaluate(expression.right, facts),
      );
    case "choice":
      return truth(expression.condition, facts)
        ? evaluateOrMissing(expression.chosen, facts)
        : evaluateOrMissing(expression.otherwise, facts);
    default:
      return expression satisfies never;
  }
}

function truth(expression: Expression, facts: FactGroup): boolean {
  return truthOf(evaluate(expression, facts));
}

/** @throws {TemplateError} when the value is no condition */
export function truthOf(value: Value): boolean {
  if (typeof value === "boolean") return value;
  const isText = !isGroup(value) && !isList(value);
  const given = isText
    ? `"${shorten(textOf(value))}"`
    : isList(value)
      ? "a list"
      : "a group of facts";
  throw new TemplateError(
    `${given} is neither true nor false; compare it (== "…"), or ask defined(FACT)`,
  );
}

function lookUp(path: readonly string[], facts: FactGroup): Value | Missing {
  let value: Value = facts;
  for (const [i, name] of path.entries()) {
    const at = path.slice(0, i).join(".");
    if (isList(value)) {
      const item: Value | undefined = /^\d+$/.test(name) ? value[Number(name)] : undefined;
      if (item === undefined)
        return new Missing(`${at} has no item "${name}"; it has ${value.length}, counted from 0`);
      value = item;
    } else if (isGroup(value)) {
      const inner: Value | undefined = value.entries.get(name) ?? value.others;
      if (inner === undefined) return new Missing(unknown(name, at, value));
      value = inner;
    } else throw new TemplateError(`${at} is a text, with nothing below it`);
  }
  return value;
}

function unknown(name: string, at: string, group: FactGroup): string {
  const where = at === "" ? "" : `${at}.`;
  const near = nearestWord(name, [...group.entries.keys()]);
  const meant = near === undefined ? "" : `; did you mean "${where}${near}"?`;
  const known = `known${at === "" ? "" : ` below ${at}`}: ${tellNames(group)}`;
  return `${where}${name} is not known of this machine${meant}; ${known}; or say what else to take: | default("…")`;
}

function call(
  { name, args }: Expression & { readonly kind: "call" },
  facts: FactGroup,
): Value | Missing {
  if (name !== "defined" && name !== "reverse")
    throw new TemplateError(`${name}() is not known; the functions are defined and reverse`);
  const [arg] = args;
  if (arg === undefined || args.length > 1) throw new TemplateError(`${name}() takes one argument`);
  const value = evaluateOrMissing(arg, facts);
  if (name === "defined") return !(value instanceof Missing);
  if (value instanceof Missing) return value;
  const address = textOf(value);
  const names = facts.entries.get(REVERSE_NAMES);
  const found =
    names !== undefined && isGroup(names)
      ? (names.entries.get(address) ?? names.others)
      : undefined;
  return (
    found ??
    new Missing(
      `reverse("${shorten(address)}") finds no name: it has to be an address of this machine that DNS or /etc/hosts has a name for; or say what else to take: | default("…")`,
    )
  );
}

function filter(
  { name, input, args }: Expression & { readonly kind: "filter" },
  facts: FactGroup,
): Value | Missing {
  const value = evaluateOrMissing(input, facts);
  if (name === "default") {
    const [other] = args;
    if (other === undefined || args.length > 1)
      throw new TemplateError("| default takes one argument");
    return value instanceof Missing ? evaluateOrMissing(other, facts) : value;
  }
  const wanted = Object.hasOwn(FILTERS, name) ? FILTERS[name] : undefined;
  if (wanted === undefined) {
    const all = ["default", ...Object.keys(FILTERS)];
    const near = nearestWord(name, all);
    const advice =
      near === undefined ? `known: ${all.toSorted().join(", ")}` : `did you mean "${near}"?`;
    throw new TemplateError(`| ${name} is not known; ${advice}`);
  }
  const [least, most] = wanted.args;
  if (args.length < least || args.length > most) {
    const count = least === most ? String(least) : `${least} to ${most}`;
    throw new TemplateError(
      `| ${name} takes ${count} argument${count === "1" ? "" : "s"}, not ${args.length}`,
    );
  }
  const from = known(value);
  const given = args.map((arg) => evaluate(arg, facts));
  try {
    return wanted.apply(from, given);
  } catch (thrown) {
    if (!(thrown instanceof TemplateError)) throw thrown;
    throw new TemplateError(`| ${name}: ${thrown.message}`);
  }
}

function compare(operator: Comparison, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return textOf(left) === textOf(right);
    case "!=":
      return textOf(left) !== textOf(right);
    case "<":
      return numberOf(left) < numberOf(right);
    case "<=":
      return numberOf(left) <= numberOf(right);
    case ">":
      return numberOf(left) > numberOf(right);
    case ">=":
      return numberOf(left) >= numberOf(right);
    case "in":
      return isList(right)
        ? right.some((item) => textOf(item) === textOf(left))
        : textOf(right).includes(textOf(left));
    default:
      return operator satisfies never;
  }
}
