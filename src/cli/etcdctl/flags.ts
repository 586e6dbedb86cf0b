import { parseBool, parseDurationMs, parseInteger } from "./flag-values.ts";

/** A flag as etcdctl's users type it: `--name`, `-name`, `--name=value`, `-n value`. */
export interface Flag {
  /** Without dashes, the one that is shown first. */
  readonly name: string;
  readonly alias?: string;
  readonly kind: "bool" | "text" | "integer" | "duration";
  readonly usage: string;
}

/** What was given, by the flag's first name; the last of several counts. Durations are milliseconds. */
export interface FlagValues {
  bool(name: string): boolean;
  text(name: string): string;
  /** All that were given, in their order. */
  texts(name: string): readonly string[];
  number(name: string): number;
  has(name: string): boolean;
}

export interface ParsedFlags {
  readonly values: FlagValues;
  readonly args: readonly string[];
  /** What was wrong, in Go's words, which scripts may look for. */
  readonly mistake?: string;
}

/** `leading`: flags end at the first argument that is none; `anywhere`: they may also follow arguments. */
export type FlagPlace = "leading" | "anywhere";

/**
 * Splits a command line into flags and arguments. `--` ends the flags. What looks like an unknown flag is a mistake
 * before the first argument, and after it an argument, as `set KEY -1` shows.
 */
export function parseFlags(
  flags: readonly Flag[],
  line: readonly string[],
  place: FlagPlace,
): ParsedFlags {
  const given = new Map<string, string[]>();
  const values = new Values(given);
  const args: string[] = [];
  for (let at = 0; at < line.length; at += 1) {
    const word = line[at] ?? "";
    if (word === "--") return { values, args: [...args, ...line.slice(at + 1)] };
    if (!word.startsWith("-") || word === "-") {
      if (place === "leading") return { values, args: line.slice(at) };
      args.push(word);
      continue;
    }
    const { name, value } = splitFlag(word);
    const flag = flags.find((known) => known.name === name || known.alias === name);
    if (flag === undefined) {
      if (args.length > 0) args.push(word);
      else return { values, args, mistake: unknownFlag(word, name) };
      continue;
    }
    const takesNext = value === undefined && flag.kind !== "bool";
    if (takesNext) at += 1;
    const text = takesNext ? line[at] : (value ?? "true");
    if (text === undefined) return { values, args, mistake: `flag needs an argument: -${name}` };
    const mistake = judge(flag, name, text);
    if (mistake !== undefined) return { values, args, mistake };
    given.set(flag.name, [...(given.get(flag.name) ?? []), text]);
  }
  return { values, args };
}

function splitFlag(word: string): { name: string; value: string | undefined } {
  const bare = word.replace(/^--?/, "");
  const at = bare.indexOf("=");
  if (at < 0) return { name: bare, value: undefined };
  return { name: bare.slice(0, at), value: bare.slice(at + 1) };
}

function unknownFlag(word: string, name: string): string {
  if (name === "" || name.startsWith("-")) return `bad flag syntax: ${word}`;
  return `flag provided but not defined: -${name}`;
}

function judge({ kind }: Flag, name: string, text: string): string | undefined {
  switch (kind) {
    case "text":
      return undefined;
    case "bool":
      if (parseBool(text) !== undefined) return undefined;
      return `invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`;
    case "integer": {
      const number = parseInteger(text);
      if (typeof number === "number") return undefined;
      return `invalid value ${JSON.stringify(text)} for flag -${name}: ${number}`;
    }
    case "duration":
      if (parseDurationMs(text) !== undefined) return undefined;
      return `invalid value ${JSON.stringify(text)} for flag -${name}: parse error`;
    default:
      return kind satisfies never;
  }
}

class Values implements FlagValues {
  readonly #given: ReadonlyMap<string, readonly string[]>;

  constructor(given: ReadonlyMap<string, readonly string[]>) {
    this.#given = given;
  }

  bool(name: string): boolean {
    return parseBool(this.text(name)) ?? false;
  }

  text(name: string): string {
    return this.texts(name).at(-1) ?? "";
  }

  texts(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  /** An integer, or a duration's milliseconds; 0 when it was not given. */
  number(name: string): number {
    const text = this.text(name);
    const integer = parseInteger(text);
    return typeof integer === "number" ? integer : (parseDurationMs(text) ?? 0);
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }
}
