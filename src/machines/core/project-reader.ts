import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from "yaml";
import { syntaxProblems } from "#cloudconfig/core/syntax-problems.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";

/** Something wrong in a project file. */
export interface ProjectProblem {
  /** From 1. */
  readonly line: number;
  /** Where it is, such as `groups.web.memory`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
}

/** Says what is wrong with a value's text, or hands back what it means. */
export type Meaning<T> = (text: string) => { readonly value: T } | { readonly wrong: string };

interface Source {
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly problems: ProjectProblem[];
}

/** The top of a YAML text; with problems when it is no YAML. `problems` also takes what reading finds later. */
export function openProjectText(text: string): { root: Place; problems: ProjectProblem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe", // scalars stay text as written: what they mean is known by the key above them
    prettyErrors: false,
    logLevel: "error",
    uniqueKeys: false, // told with the key they stand under
    lineCounter: lines,
  });
  const second = document.errors.filter(({ code }) => code === "MULTIPLE_DOCS");
  const errors = document.errors.filter(({ code }) => code !== "MULTIPLE_DOCS");
  const problems = syntaxProblems(text, errors, lines).map(({ line, key, message, hint }) => {
    return { line, key, message: hint ?? message };
  });
  for (const { pos } of second)
    problems.push({ line: lines.linePos(pos[0]).line, key: "", message: SECOND_DOCUMENT });
  const root = new Place({ document, lines, problems }, document.contents, "", 1);
  return { root, problems };
}

const SECOND_DOCUMENT = "a second document begins here (---); keep one project in a file";

/** A place in a project file. Reading collects what is wrong instead of stopping at it. */
export class Place {
  readonly #source: Source;
  readonly #node: Node | undefined;
  readonly key: string;
  readonly line: number;

  constructor(source: Source, given: unknown, key: string, line: number) {
    const node = isAlias(given) ? given.resolve(source.document) : given;
    this.#source = source;
    this.#node = isNode(node) && !isNull(node) ? node : undefined;
    this.key = key;
    this.line = line;
  }

  /** Whether something is written there. */
  get isGiven(): boolean {
    return this.#node !== undefined;
  }

  get isText(): boolean {
    return isScalar(this.#node);
  }

  get isMap(): boolean {
    return isMap(this.#node);
  }

  refuse(message: string): undefined {
    this.#source.problems.push({ line: this.line, key: this.key, message });
  }

  /** What stands under `name`, perhaps nothing. */
  at(name: string): Place {
    return (
      this.#pairs().find((pair) => pair.name === name || dashed(pair.name) === name)?.place ??
      this.#place(undefined, name, this.line)
    );
  }

  /** Refuses what is no map, and keys other than these. */
  keys(known: readonly string[]): void {
    for (const { name, place } of this.entries()) {
      if (known.includes(dashed(name))) continue;
      const near = nearestWord(name, known);
      place.refuse(
        near === undefined
          ? `unknown key; known here: ${known.join(", ")}`
          : `unknown key; did you mean "${near}"?`,
      );
    }
  }

  /** The entries of a map; refuses what is no map, and keys that stand twice. */
  entries(): readonly { readonly name: string; readonly place: Place }[] {
    if (this.#node !== undefined && !isMap(this.#node))
      this.refuse(`expected keys below it, not ${this.#described()}`);
    const first = new Map<string, number>();
    return this.#pairs().filter(({ name, place }) => {
      const line = first.get(dashed(name));
      if (line === undefined) first.set(dashed(name), place.line);
      else place.refuse(`stands on line ${line} already; write it once`);
      return line === undefined;
    });
  }

  /** The items of a list; one thing alone counts as a list of it. */
  items(): readonly Place[] {
    if (this.#node === undefined) return [];
    const items = isSeq(this.#node) ? this.#node.items : [this.#node];
    return items.map(
      (item, at) => new Place(this.#source, item, `${this.key}[${at}]`, this.#lineOf(item)),
    );
  }

  text(): string | undefined {
    if (this.#node === undefined) return undefined;
    if (isScalar(this.#node)) return String(this.#node.value);
    return this.refuse(`expected text, not ${this.#described()}`);
  }

  /** The text's meaning; `fallback` when nothing is written or it has none. */
  read<T, F>(meaning: Meaning<T>, fallback: F): T | F {
    const text = this.text();
    if (text === undefined) return fallback;
    const result = meaning(text);
    if ("value" in result) return result.value;
    this.refuse(result.wrong);
    return fallback;
  }

  #pairs(): readonly { readonly name: string; readonly place: Place }[] {
    if (!isMap(this.#node)) return [];
    return this.#node.items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key);
      return { name, place: this.#place(value, name, this.#lineOf(key)) };
    });
  }

  #lineOf(node: unknown): number {
    const start = isNode(node) ? node.range?.[0] : undefined;
    return start === undefined ? this.line : this.#source.lines.linePos(start).line;
  }

  /** Something under a key is spoken of by the key's line, which is where a person looks. */
  #place(node: unknown, name: string, line: number): Place {
    const key = this.key === "" ? name : `${this.key}.${name}`;
    return new Place(this.#source, node, key, line);
  }

  #described(): string {
    if (isMap(this.#node)) return "a group of keys";
    return isSeq(this.#node) ? "a list" : "text";
  }
}

/** Keys are taken with `_` too, as in a cloud-config. */
function dashed(name: string): string {
  return name.replaceAll("_", "-");
}

function isNull(node: Node): boolean {
  return (
    isScalar(node) && node.type === "PLAIN" && /^(~|null|Null|NULL|)$/.test(String(node.value))
  );
}
