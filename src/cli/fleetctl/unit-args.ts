import { basename } from "node:path";
import { Fault } from "#base/fault.ts";
import { nameWithDefaultType } from "#unitfile/core/unit-name.ts";

const NAMES_MAX = 10_000; // what one argument may expand to; more is surely a slip of the keyboard

/** The unit an argument means: the last part of a path, a service unless it says otherwise. */
export function unitNameOf(arg: string): string {
  return nameWithDefaultType(basename(arg));
}

/** Whether an argument stands for all units that match it. */
export function isPattern(arg: string): boolean {
  return /[*?[]/.test(arg);
}

/** All arguments with their braces expanded, each once, in order. */
export function expandArguments(args: readonly string[]): string[] {
  return [...new Set(args.flatMap(expandBraces))];
}

/**
 * Expands `{a,b}` and `{1..3}` as a shell does, for where no shell did; text without them stays as it is.
 * @throws {Fault} USAGE when too many names would come out.
 */
export function expandBraces(text: string): string[] {
  const brace = firstBrace(text);
  if (brace === undefined) return [text];
  const { before, choices, after } = brace;
  const rests = expandBraces(after);
  const heads = choices.flatMap(expandBraces);
  if (heads.length * rests.length > NAMES_MAX) throw tooMany(text);
  return heads.flatMap((head) => rests.map((rest) => before + head + rest));
}

interface Brace {
  readonly before: string;
  readonly choices: readonly string[];
  readonly after: string;
}

/** The first pair of braces that holds a list or a range. */
function firstBrace(text: string): Brace | undefined {
  for (let open = text.indexOf("{"); open !== -1; open = text.indexOf("{", open + 1)) {
    const close = closingBrace(text, open);
    if (close === -1) continue;
    const inside = text.slice(open + 1, close);
    const choices = rangeOf(inside, text) ?? splitList(inside);
    if (choices.length > 1 || /^-?\d+\.\.-?\d+$/.test(inside))
      return { before: text.slice(0, open), choices, after: text.slice(close + 1) };
  }
  return undefined;
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** Splits at the commas that are not inside further braces. */
function splitList(inside: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const character of inside) {
    if (character === "{") depth += 1;
    if (character === "}") depth -= 1;
    if (character === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

/** `1..3`, also downwards; a leading zero keeps the width, as in `01..10`. */
function rangeOf(inside: string, whole: string): string[] | undefined {
  const [, from, to] = /^(-?\d{1,9})\.\.(-?\d{1,9})$/.exec(inside) ?? [];
  if (from === undefined || to === undefined) return undefined;
  const [first, last] = [Number(from), Number(to)];
  const count = Math.abs(last - first) + 1;
  if (count > NAMES_MAX) throw tooMany(whole);
  const width = [from, to].some((n) => /^-?0\d/.test(n)) ? Math.max(from.length, to.length) : 0;
  const step = last < first ? -1 : 1;
  return Array.from({ length: count }, (_, i) => padded(first + i * step, width));
}

function padded(number: number, width: number): string {
  const sign = number < 0 ? "-" : "";
  return sign + String(Math.abs(number)).padStart(width - sign.length, "0");
}

function tooMany(text: string): Fault {
  return new Fault(
    "USAGE",
    `Cannot expand ${text}: it stands for more than ${NAMES_MAX} units; name fewer`,
  );
}
