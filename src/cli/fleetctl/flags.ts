import { Fault } from "#base/fault.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";

/** What a flag takes; `float` and `int` must be numbers, `bool` may stand without a value. */
type FlagKind = "bool" | "text" | "int" | "float";

export interface FlagSpec {
  /** The long name first; others mean the same. A name of one letter may be written `-x` too. */
  readonly names: readonly [string, ...string[]];
  readonly kind: FlagKind;
  readonly default: boolean | string | number;
  readonly help: string;
  /** What a shell offers as its value: these words, or names of the cluster or of files here. */
  readonly offers?: readonly string[] | "machines" | "units" | "files";
}

/** Flags as given, with their defaults; asking for one that is not in the specification is a programming error. */
export class Flags {
  readonly #values = new Map<string, boolean | string | number>();
  readonly #given = new Set<string>();

  constructor(specs: readonly FlagSpec[]) {
    for (const spec of specs) this.#values.set(spec.names[0], spec.default);
  }

  /** @throws {Fault} USAGE when `text` is no value of that kind. */
  set(spec: FlagSpec, text: string | undefined, from: string): void {
    this.#values.set(spec.names[0], valueOf(spec, text, from));
    this.#given.add(spec.names[0]);
  }

  bool(name: string): boolean {
    return this.#get(name, "boolean") as boolean;
  }

  text(name: string): string {
    return this.#get(name, "string") as string;
  }

  number(name: string): number {
    return this.#get(name, "number") as number;
  }

  /** Whether the command has the flag, and it is on. */
  isOn(name: string): boolean {
    return this.#values.get(name) === true;
  }

  /** Whether the command line or the environment gave it. */
  isGiven(name: string): boolean {
    return this.#given.has(name);
  }

  #get(name: string, type: "boolean" | "string" | "number"): boolean | string | number {
    const value = this.#values.get(name);
    if (typeof value !== type) throw new Error(`flag ${name} is not specified as a ${type}`);
    return value!;
  }
}

export interface ParsedArguments {
  readonly flags: Flags;
  readonly args: readonly string[];
}

/**
 * Sorts words into flags and arguments; they may mix, and `--` ends the flags.
 * Accepts `--flag=value`, `--flag value`, `-f`, `-f value`, `-fvalue` and the single-dash long form `-flag` of older releases.
 * @throws {Fault} USAGE
 */
export function parseFlags(
  words: readonly string[],
  specs: readonly FlagSpec[],
  environment: Readonly<Record<string, string | undefined>> = {},
): ParsedArguments {
  const flags = new Flags(specs);
  for (const spec of specs) {
    const variable = `FLEETCTL_${spec.names[0].toUpperCase().replaceAll("-", "_")}`;
    const value = environment[variable];
    if (value !== undefined && value !== "") flags.set(spec, value, variable);
  }
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      args.push(...words.slice(at + 1));
      break;
    }
    const flag = splitFlag(word, specs);
    if (flag === undefined) {
      args.push(word);
      continue;
    }
    const spec = findFlag(flag, word, specs);
    if (flag.value !== undefined || spec.kind === "bool") {
      flags.set(spec, flag.value, word);
      continue;
    }
    at += 1;
    if (at === words.length)
      throw new Fault("USAGE", `Cannot use ${word}: it needs a value, as in ${word}=VALUE`);
    flags.set(spec, words[at], word);
  }
  return { flags, args };
}

/**
 * The place of the first word that is neither a flag nor a flag's value; -1 when there is none.
 * @throws {Fault} USAGE for an unknown flag before it, whose value cannot be told from a command.
 */
export function firstArgument(words: readonly string[], specs: readonly FlagSpec[]): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") return at + 1 < words.length ? at + 1 : -1;
    const flag = splitFlag(word, specs);
    if (flag === undefined) return at;
    const spec = findFlag(flag, word, specs);
    if (spec.kind !== "bool" && flag.value === undefined) at += 1;
  }
  return -1;
}

/** A lone `-` is an argument, as everywhere; `-n5` is `-n=5`. */
function splitFlag(
  word: string,
  specs: readonly FlagSpec[],
): { name: string; value: string | undefined } | undefined {
  const [, name, , value] = /^--?([^=-][^=]*)(=([^]*))?$/.exec(word) ?? [];
  if (name === undefined) return undefined;
  if (word.startsWith("--") || findSpec(name, specs)) return { name, value };
  const short = findSpec(name.charAt(0), specs);
  const isJoined = short !== undefined && short.kind !== "bool" && value === undefined;
  return isJoined ? { name: name.charAt(0), value: name.slice(1) } : { name, value };
}

function findSpec(name: string, specs: readonly FlagSpec[]): FlagSpec | undefined {
  return specs.find((spec) => spec.names.includes(name));
}

function findFlag(flag: { name: string }, word: string, specs: readonly FlagSpec[]): FlagSpec {
  const spec = findSpec(flag.name, specs);
  if (spec !== undefined) return spec;
  const known = specs.flatMap((s) => s.names).filter((name) => name.length > 1);
  const near = nearestWord(flag.name, known);
  const hint = near === undefined ? "" : `; did you mean --${near}?`;
  throw new Fault(
    "USAGE",
    `Cannot use flag ${word.replace(/=.*$/s, "")}: there is no such flag here${hint}`,
  );
}

// strconv.ParseBool of Go, which the flags of the original were read with.
const TRUE = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE = ["0", "f", "F", "false", "FALSE", "False"];

function valueOf(
  spec: FlagSpec,
  text: string | undefined,
  from: string,
): boolean | string | number {
  const given = text ?? "true";
  const fail = (wanted: string) =>
    new Fault(
      "USAGE",
      `Cannot use ${from.replace(/=.*$/s, "")} with the value "${given}": expected ${wanted}`,
    );
  switch (spec.kind) {
    case "text":
      return given;
    case "bool":
      if (TRUE.includes(given)) return true;
      if (FALSE.includes(given)) return false;
      throw fail("true or false");
    case "int":
      if (/^[+-]?\d{1,9}$/.test(given)) return Number(given);
      throw fail("a whole number");
    case "float":
      if (given.trim() !== "" && Number.isFinite(Number(given))) return Number(given);
      throw fail("a number");
    default:
      return spec.kind satisfies never;
  }
}
