import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { error, type Problem } from "./problem.ts";
import type { Entry, Tree } from "./tree.ts";

/** Every node after aliases are followed; stops a small file from growing into a huge one. */
const NODES_MAX = 100_000;
/** The deepest key of a cloud-config stands at 7: coreos, units, item, drop-ins, item, content. */
const DEPTH_MAX = 20;

/**
 * Parses YAML. Scalars stay text as written: whether `0644` or `on` is a number, a boolean or a word is known only
 * by the key it stands under. Hands back no tree when there is a problem.
 */
export function parseTree(text: string): { readonly tree?: Tree; readonly problems: Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    prettyErrors: false,
    logLevel: "error",
    lineCounter: lines,
  });
  if (document.errors.length > 0) return { problems: syntaxProblems(text, document.errors, lines) };
  try {
    return { tree: new TreeBuilder(lines).build(document.contents, 1, 0), problems: [] };
  } catch (thrown) {
    if (!(thrown instanceof Unbuildable)) throw thrown;
    return { problems: [error(thrown.line, "", thrown.message)] };
  }
}

/** An indentation that is off makes the parser stumble over the lines after it too: then only the cause is told. */
function syntaxProblems(text: string, errors: readonly YAMLError[], lines: LineCounter): Problem[] {
  const source = text.split("\n");
  const causes = errors.filter((e) => INDENTATION.has(e.code));
  const byLine = new Map<number, Problem>();
  for (const cause of causes.length > 0 ? causes : errors) {
    const told = lines.linePos(cause.pos[0]).line;
    const line = cause.code === "BLOCK_AS_IMPLICIT_KEY" ? deeperLine(source, told) : told;
    const key = KEY.exec(source[line - 1] ?? "")?.[1] ?? "";
    if (!byLine.has(line)) byLine.set(line, error(line, key, explain(cause, line !== told)));
  }
  return [...byLine.values()];
}

const INDENTATION: ReadonlySet<string> = new Set([
  "BAD_INDENT",
  "TAB_AS_INDENT",
  "BLOCK_AS_IMPLICIT_KEY",
]);
const KEY = /^\s*(?:- +)?([\w.-]+) *:/;

/**
 * YAML takes a line that is indented deeper than the one before for the end of that one's value, and so complains of
 * that one; unless it has a second ": " of its own.
 */
function deeperLine(source: readonly string[], told: number): number {
  const value = (source[told - 1] ?? "").trimEnd().replace(KEY, "");
  return value.includes(": ") || value.endsWith(":") ? told : told + 1;
}

function explain(cause: YAMLError, isDeeper: boolean): string {
  if (isDeeper)
    return "is indented deeper than the line above, which has a value of its own; keys of one level start in the same column";
  if (cause.message === "All mapping items must start at the same column")
    return "is indented differently from the keys before it; keys of one level start in the same column";
  if (cause.code === "BAD_SCALAR_START") return `${cause.message}; put the value in quotes`;
  return PLAIN_WORDS[cause.code] ?? cause.message;
}

const PLAIN_WORDS: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "the line is indented with a tab; use spaces",
  DUPLICATE_KEY: "the same key stands above already; write it once",
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " in one line; put the value in quotes',
  RESOURCE_EXHAUSTION: `nested deeper than ${DEPTH_MAX} levels`,
  MULTIPLE_DOCS: "a second document starts here (---); keep one cloud-config in a file",
};

class Unbuildable extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

interface Anchor {
  readonly tree: Tree;
  readonly nodes: number;
  readonly height: number;
}

function heightOf(tree: Tree): number {
  const below = tree.kind === "map" ? tree.entries.map((e) => e.value) : undefined;
  const inner = below ?? (tree.kind === "list" ? tree.items : []);
  return inner.reduce((height, item) => Math.max(height, 1 + heightOf(item)), 0);
}

class TreeBuilder {
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Anchor>();
  #nodes = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  build(node: unknown, lineAbove: number, depth: number): Tree {
    const line = this.#lineOf(node) ?? lineAbove;
    if (isAlias(node)) return this.#follow(node.source, line, depth);
    const before = this.#nodes;
    this.#count(1, depth, line);
    const tree = this.#buildNode(node, line, depth);
    if (isNode(node) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, { tree, nodes: this.#nodes - before, height: heightOf(tree) });
    return tree;
  }

  /** What is read through an alias counts as often as it is read. */
  #follow(name: string, line: number, depth: number): Tree {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined)
      throw new Unbuildable(line, `there is no anchor &${name} before this alias`);
    this.#count(anchor.nodes, depth + anchor.height, line);
    return anchor.tree;
  }

  #count(nodes: number, depth: number, line: number): void {
    this.#nodes += nodes;
    if (this.#nodes > NODES_MAX) throw new Unbuildable(line, `more than ${NODES_MAX} values`);
    if (depth > DEPTH_MAX) throw new Unbuildable(line, `nested deeper than ${DEPTH_MAX} levels`);
  }

  #buildNode(node: unknown, line: number, depth: number): Tree {
    if (isMap(node)) return { kind: "map", line, entries: this.#entries(node, line, depth) };
    if (isSeq(node)) {
      const items = node.items.map((item) => this.build(item, line, depth + 1));
      return { kind: "list", line, items };
    }
    if (!isScalar(node)) return { kind: "null", line };
    if (node.value instanceof Uint8Array) return { kind: "bytes", line, bytes: node.value };
    const text = typeof node.value === "string" ? node.value : "";
    const plain = node.type === "PLAIN";
    return plain && /^(~|null|Null|NULL|)$/.test(text)
      ? { kind: "null", line }
      : { kind: "text", line, text };
  }

  #entries(map: YAMLMap, lineAbove: number, depth: number): Entry[] {
    const own: Entry[] = [];
    const merged: Entry[] = [];
    for (const pair of map.items) {
      const line = this.#lineOf(pair.key) ?? lineAbove;
      const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      const value = this.build(pair.value, line, depth + 1);
      if (name === "<<") merged.push(...mergeSources(value));
      else own.push({ key: name.replaceAll("-", "_"), line, value });
    }
    const given = new Set(own.map((e) => e.key));
    for (const entry of merged) {
      if (given.has(entry.key)) continue;
      given.add(entry.key);
      own.push(entry);
    }
    return own;
  }

  #lineOf(node: unknown): number | undefined {
    const range = isNode(node) ? node.range : null;
    return range ? this.#lines.linePos(range[0]).line : undefined;
  }
}

/** What `<<:` brings in: a map's entries, or those of several, the first one winning. */
function mergeSources(value: Tree): readonly Entry[] {
  if (value.kind === "map") return value.entries;
  if (value.kind === "list") return value.items.flatMap(mergeSources);
  throw new Unbuildable(value.line, "<<: merges a map; give it an alias of one");
}
