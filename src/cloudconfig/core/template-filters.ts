import {
  bounded,
  checkLength,
  isList,
  LIST_LENGTH_MAX,
  numberOf,
  TemplateError,
  textOf,
  type Value,
} from "./template-value.ts";

export interface Filter {
  /** How many arguments it needs, and how many it takes. */
  readonly args: readonly [least: number, most: number];
  /** @throws {TemplateError} what follows the filter's name in a sentence */
  apply(input: Value, args: readonly Value[]): Value;
}

const DIGITS_MAX = 64;
/** So that a whole list stays bounded too. */
const ITEM_LENGTH_MAX = 4096;

/** Every filter but `default`, which the evaluation knows by itself. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  lower: onText((text) => text.toLowerCase()),
  upper: onText((text) => text.toUpperCase()),
  trim: onText((text) => text.trim()),
  length: { args: [0, 0], apply: (input) => (isList(input) ? input : textOf(input)).length },
  replace: { args: [2, 2], apply: (input, [from, to]) => replace(textOf(input), from!, to!) },
  split: { args: [1, 1], apply: (input, [separator]) => split(textOf(input), separator!) },
  join: { args: [0, 1], apply: (input, [separator]) => join(listOf(input), separator ?? "") },
  first: { args: [0, 0], apply: (input) => itemAt(listOf(input), 0) },
  last: { args: [0, 0], apply: (input) => itemAt(listOf(input), -1) },
  at: { args: [1, 1], apply: (input, [index]) => itemAt(listOf(input), wholeOf(index!)) },
  each: {
    args: [1, 1],
    apply: (input, [pattern]) => listOf(input).map((item) => fill(textOf(pattern!), textOf(item))),
  },
  slice: {
    args: [1, 2],
    apply: (input, [from, to]) => {
      const end = to === undefined ? undefined : wholeOf(to);
      return isList(input)
        ? input.slice(wholeOf(from!), end)
        : textOf(input).slice(wholeOf(from!), end);
    },
  },
  add: {
    args: [1, 1],
    apply: (input, [other]) => Number((numberOf(input) + numberOf(other!)).toFixed(9)),
  },
  pad: { args: [1, 1], apply: (input, [digits]) => pad(textOf(input), wholeOf(digits!)) },
  spread: { args: [1, 1], apply: (input, [count]) => spread(textOf(input), wholeOf(count!)) },
  starts_with: {
    args: [1, 1],
    apply: (input, [start]) => textOf(input).startsWith(textOf(start!)),
  },
  ends_with: { args: [1, 1], apply: (input, [end]) => textOf(input).endsWith(textOf(end!)) },
  base64: onText((text) =>
    btoa(Array.from(new TextEncoder().encode(text), (o) => String.fromCharCode(o)).join("")),
  ),
  json: onText((text) => JSON.stringify(text)),
  shell: onText((text) => `'${text.replaceAll("'", "'\\''")}'`),
};

function onText(change: (text: string) => string): Filter {
  return { args: [0, 0], apply: (input) => bounded(change(textOf(input))) };
}

function listOf(value: Value): readonly Value[] {
  if (isList(value)) return value;
  throw new TemplateError('takes a list, such as split(",") gives');
}

function wholeOf(value: Value): number {
  const number = numberOf(value);
  if (Number.isInteger(number)) return number;
  throw new TemplateError(`takes whole numbers, not ${number}`);
}

function replace(text: string, from: Value, to: Value): string {
  const [old, fresh] = [textOf(from), textOf(to)];
  if (old === "") throw new TemplateError("cannot replace an empty text");
  const parts = text.split(old);
  checkLength(text.length + (parts.length - 1) * (fresh.length - old.length));
  return parts.join(fresh);
}

function split(text: string, separator: Value): readonly string[] {
  const by = textOf(separator);
  if (by === "") throw new TemplateError("cannot split at an empty text");
  const parts = text.split(by);
  if (parts.length > LIST_LENGTH_MAX)
    throw new TemplateError(`gives more than ${LIST_LENGTH_MAX} parts`);
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function join(list: readonly Value[], separator: Value): string {
  const between = textOf(separator);
  const texts = list.map(textOf);
  checkLength(texts.reduce((sum, text) => sum + text.length + between.length, 0));
  return texts.join(between);
}

/** The pattern with the item for each `{}` in it. */
function fill(pattern: string, item: string): string {
  const parts = pattern.split("{}");
  if (pattern.length + (parts.length - 1) * item.length > ITEM_LENGTH_MAX)
    throw new TemplateError(`makes an item longer than ${ITEM_LENGTH_MAX} characters`);
  return parts.join(item);
}

function itemAt(list: readonly Value[], index: number): Value {
  const item = list.at(index);
  if (item === undefined)
    throw new TemplateError(
      list.length === 0 ? "meets an empty list" : `finds no item ${index} among ${list.length}`,
    );
  return item;
}

function pad(text: string, digits: number): string {
  if (digits < 0 || digits > DIGITS_MAX)
    throw new TemplateError(`takes a number of digits up to ${DIGITS_MAX}`);
  return text.padStart(digits, "0");
}

/** A number below `count`, always the same for the same text, and even over many texts (FNV-1a, 32 bits). */
function spread(text: string, count: number): number {
  if (count < 1) throw new TemplateError("takes a number from 1");
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(text)) hash = Math.imul(hash ^ octet, 0x01000193);
  return (hash >>> 0) % count;
}
