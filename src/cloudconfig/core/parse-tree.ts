import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from "yaml";
import { error, original, type Problem, warning } from "./problem.ts";
import { syntaxProblems } from "./syntax-problems.ts";
import type { Entry, Tree } from "./tree.ts";

/** Every node after aliases are followed; stops a small file from growing into a huge one. */
const NODES_MAX = 100_000;
/** What aliases may add to the texts: enough for a few files, little enough to be looked at many times. */
const ALIASED_CHARS_MAX = 1024 * 1024;
/** The deepest key of a cloud-config stands at 7: coreos, units, item, drop-ins, item, content. */
const DEPTH_MAX = 20;

/**
 * Parses YAML. Scalars stay text as written: whether `0644` or `on` is a number, a boolean or a word is known only
 * by the key it stands under. Hands back no tree when one of the problems is an error.
 */
export function parseTree(text: string): { readonly tree?: Tree; readonly problems: Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    prettyErrors: false,
    logLevel: "error",
    uniqueKeys: false,
    lineCounter: lines,
  });
  const more = document.errors.filter((e) => e.code === "MULTIPLE_DOCS");
  const errors = document.errors.filter((e) => e.code !== "MULTIPLE_DOCS");
  if (errors.length > 0) return { problems: syntaxProblems(text, errors, lines) };
  const passedOver = more.map((e) => warning(lines.linePos(e.pos[0]).line, "", SECOND_DOCUMENT));
  try {
    const builder = new TreeBuilder(lines);
    const tree = builder.build(document.contents, "", { line: 1, depth: 0 });
    return { tree, problems: [...builder.problems, ...passedOver] };
  } catch (thrown) {
    if (!(thrown instanceof Unbuildable)) throw thrown;
    return { problems: [thrown.problem] };
  }
}

const SECOND_DOCUMENT =
  "a second document starts here (---) and is passed over; keep one cloud-config in a file";

class Unbuildable extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Where a node without a line of its own stands, and how deep. */
interface Place {
  readonly line: number;
  readonly depth: number;
}

interface Anchor {
  readonly tree: Tree;
  readonly nodes: number;
  readonly chars: number;
  readonly height: number;
}

function heightOf(tree: Tree): number {
  const below = tree.kind === "map" ? tree.entries.map((e) => e.value) : undefined;
  const inner = below ?? (tree.kind === "list" ? tree.items : []);
  return inner.reduce((height, item) => Math.max(height, 1 + heightOf(item)), 0);
}

class TreeBuilder {
  readonly problems: Problem[] = [];
  readonly #lines: LineCounter;
  readonly #anchors = new Map<string, Anchor>();
  #nodes = 0;
  #chars = 0;
  #aliasedChars = 0;

  constructor(lines: LineCounter) {
    this.#lines = lines;
  }

  build(node: unknown, key: string, above: Place): Tree {
    const place = { line: this.#lineOf(node) ?? above.line, depth: above.depth };
    if (isAlias(node)) return this.#follow(node.source, key, place);
    const [nodes, chars] = [this.#nodes, this.#chars];
    this.#count(1, place);
    const tree = this.#buildNode(node, key, place);
    if (isNode(node) && node.anchor !== undefined) {
      const added = { nodes: this.#nodes - nodes, chars: this.#chars - chars };
      this.#anchors.set(node.anchor, { tree, ...added, height: heightOf(tree) });
    }
    return tree;
  }

  /** What is read through an alias counts as often as it is read. */
  #follow(name: string, key: string, { line, depth }: Place): Tree {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) {
      const hint = `there is no anchor &${name} before this alias`;
      const message = `Unknown anchor '${name}' referenced`;
      throw new Unbuildable(original("error", { line, key }, message, hint));
    }
    this.#count(anchor.nodes, { line, depth: depth + anchor.height });
    this.#chars += anchor.chars;
    this.#aliasedChars += anchor.chars;
    if (this.#aliasedChars > ALIASED_CHARS_MAX) {
      const message = `more than ${ALIASED_CHARS_MAX} characters are read through aliases`;
      throw new Unbuildable(error(line, key, `${message}; write the file with fewer`));
    }
    return anchor.tree;
  }

  #count(nodes: number, { line, depth }: Place): void {
    this.#nodes += nodes;
    if (this.#nodes > NODES_MAX)
      throw new Unbuildable(error(line, "", `more than ${NODES_MAX} values`));
    if (depth > DEPTH_MAX)
      throw new Unbuildable(error(line, "", `nested deeper than ${DEPTH_MAX} levels`));
  }

  #buildNode(node: unknown, key: string, place: Place): Tree {
    const { line } = place;
    const below = { line, depth: place.depth + 1 };
    if (isMap(node)) return { kind: "map", line, entries: this.#entries(node, key, below) };
    if (isSeq(node)) {
      const items = node.items.map((item, i) => this.build(item, `${key}[${i}]`, below));
      return { kind: "list", line, items };
    }
    if (!isScalar(node)) return { kind: "null", line };
    if (typeof node.value === "string" || node.value instanceof Uint8Array)
      this.#chars += node.value.length;
    return node.value instanceof Uint8Array
      ? { kind: "bytes", line, bytes: node.value }
      : readScalar(node, line);
  }

  #entries(map: YAMLMap, above: string, place: Place): Entry[] {
    const own = new Map<string, Entry>();
    const merged: Entry[] = [];
    for (const pair of map.items) {
      const line = this.#lineOf(pair.key) ?? place.line;
      const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
      const key = name.replaceAll("-", "_");
      this.#chars += key.length;
      const path = above === "" ? key : `${above}.${key}`;
      const value = this.build(pair.value, path, { ...place, line });
      if (name === "<<") merged.push(...mergeSources(value));
      else this.#add({ key, line, value: { ...value, line } }, path, own);
    }
    for (const entry of merged) if (!own.has(entry.key)) own.set(entry.key, entry);
    return [...own.values()];
  }

  /** A key that is given again counts instead of the first, a group of keys together with the first: as the original. */
  #add(entry: Entry, path: string, entries: Map<string, Entry>): void {
    const { key, line, value } = entry;
    const earlier = entries.get(key);
    if (earlier === undefined) {
      entries.set(key, entry);
      return;
    }
    const stands = `stands on line ${earlier.line} already`;
    if (value.kind !== "map" || earlier.value.kind !== "map") {
      const message = `${stands}, and what stands here counts; write it once`;
      this.problems.push(warning(line, path, message));
      entries.set(key, entry);
      return;
    }
    this.problems.push(warning(line, path, `${stands}; write it once, with all its keys`));
    const both = new Map(earlier.value.entries.map((inner) => [inner.key, inner]));
    for (const inner of value.entries) this.#add(inner, `${path}.${inner.key}`, both);
    entries.set(key, { ...earlier, value: { ...earlier.value, entries: [...both.values()] } });
  }

  #lineOf(node: unknown): number | undefined {
    const range = isNode(node) ? node.range : null;
    return range ? this.#lines.linePos(range[0]).line : undefined;
  }
}

const TEXT_TAG = "tag:yaml.org,2002:str";

function readScalar(node: Scalar, line: number): Tree {
  const text = typeof node.value === "string" ? node.value : "";
  const isQuoted = node.type !== "PLAIN" || node.tag === TEXT_TAG;
  if (!isQuoted)
    return /^(~|null|Null|NULL|)$/.test(text)
      ? { kind: "null", line }
      : { kind: "text", line, text };
  const block = node.type === "BLOCK_LITERAL" ? { textLine: line + 1 } : {};
  return { kind: "text", line, text, isQuoted, ...block };
}

/** What `<<:` brings in: a map's entries, or those of several, the first one winning. */
function mergeSources(value: Tree): readonly Entry[] {
  if (value.kind === "map") return value.entries;
  if (value.kind === "list") return value.items.flatMap(mergeSources);
  const hint = "<<: merges a map; give it an alias of one";
  const message = "map merge requires map or sequence of maps as the value";
  throw new Unbuildable(original("error", { line: value.line, key: "<<" }, message, hint));
}
