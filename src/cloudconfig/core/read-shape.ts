import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { DEPRECATED, ORIGINAL_VALUES, withoutNumbers } from "./original-rules.ts";
import { error, original, type Problem } from "./problem.ts";
import { scalarKind, toBoolean, toInteger } from "./scalar-kind.ts";
import { CLOUD_CONFIG } from "./schema.ts";
import type { ListShape, MapShape, NumberShape, Shape, TextShape, ValueOf } from "./shape.ts";
import { child, type Entry, type Tree } from "./tree.ts";

/** Reads a tree by a shape. Every problem is collected; the value is whole only when none of them is an error. */
export function readShape<const S extends Shape>(
  tree: Tree,
  shape: S,
): { readonly value: ValueOf<S> | undefined; readonly problems: readonly Problem[] } {
  const reader = new Reader();
  return {
    value: reader.read(tree, shape, "") as ValueOf<S> | undefined,
    problems: reader.problems,
  };
}

/** More keys than this are looked up, not read in a message. */
const KEYS_LISTED_MAX = 16;
/** Whoever has more problems than this mends some first: words that are near are not looked for any more. */
const ADVICE_MAX = 100;

class Reader {
  readonly problems: Problem[] = [];

  read(tree: Tree, shape: Shape, key: string): unknown {
    if (tree.kind === "null") {
      const counts = "it has no value and counts as not written; give it one or remove it";
      if (key !== "") this.#mistype("warning", tree, shape, key, counts);
      return undefined;
    }
    switch (shape.kind) {
      case "map":
        if (tree.kind === "map") return this.#readMap(tree, shape, key);
        return this.#mistype(
          "error",
          tree,
          shape,
          key,
          `expected keys below it, not ${describe(tree)}`,
        );
      case "list":
        if (tree.kind === "list") return this.#readList(tree, shape, key);
        return this.#mistype(
          "error",
          tree,
          shape,
          key,
          `expected a list (items begin with "- "), not ${describe(tree)}`,
        );
      case "bytes":
        if (tree.kind === "bytes") return tree.bytes;
        if (tree.kind === "text") return tree.text;
        return this.#mistype("error", tree, shape, key, `expected text, not ${describe(tree)}`);
      case "text":
        return this.#readText(tree, shape, key);
      case "integer":
      case "number":
        return this.#readNumber(tree, shape, key);
      case "boolean":
        return this.#readBoolean(tree, shape, key);
      default:
        return shape satisfies never;
    }
  }

  /** The original says so of all these, and passes over what it cannot use. */
  #mistype(
    severity: "error" | "warning",
    tree: Tree,
    shape: Shape,
    key: string,
    hint: string,
  ): undefined {
    // The whole file is not what the original looks at: it takes any for one without keys.
    if (key === "") this.problems.push(error(tree.line, "", hint));
    else
      this.problems.push(
        original(
          severity,
          { line: tree.line, key },
          `incorrect type for "${lastOf(key)}" (want ${typeName(shape)})`,
          hint,
        ),
      );
    return undefined;
  }

  #readText(tree: Tree, shape: TextShape, key: string): string | undefined {
    const text = tree.kind === "bytes" ? toUtf8(tree.bytes) : tree.kind === "text" && tree.text;
    if (typeof text !== "string")
      return this.#mistype("error", tree, shape, key, `expected text, not ${describe(tree)}`);
    if (text === "") return undefined;
    const wrong =
      shape.words?.includes(text) === false
        ? `is ${quote(text)}; choose one of ${shape.words.join(", ")}`
        : shape.check?.(text);
    if (wrong === undefined) return text;
    const isOriginal = ORIGINAL_VALUES.get(withoutNumbers(key))?.test(text) === false;
    const at = { line: tree.line, key };
    const problem = isOriginal
      ? original("error", at, `invalid value ${text}`, wrong.replace(/^is ".*?"; /s, ""))
      : error(tree.line, key, wrong);
    this.problems.push(problem);
    return undefined;
  }

  #readNumber(tree: Tree, shape: NumberShape, key: string): number | undefined {
    const wanted = shape.kind === "integer" ? "a whole number" : "a number";
    const text = tree.kind === "text" ? tree.text : "";
    const integer = toInteger(text);
    const value = shape.kind === "integer" || integer !== undefined ? integer : toFloat(text);
    const taken = tree.kind === "text" ? scalarKind(tree) : undefined;
    const isTooLong =
      value === undefined
        ? taken === "float" && shape.kind === "number"
        : Math.abs(value) > Number.MAX_SAFE_INTEGER;
    if (isTooLong)
      return void this.problems.push(error(tree.line, key, `is ${text}; expected up to 15 digits`));
    if (tree.kind !== "text" || value === undefined)
      return this.#mistype("error", tree, shape, key, `expected ${wanted}, not ${describe(tree)}`);
    if (taken === "string") this.#tellQuoted(tree, shape, key);
    return value;
  }

  #readBoolean(tree: Tree, shape: Shape, key: string): boolean | undefined {
    const value =
      tree.kind === "text"
        ? (toBoolean(tree.text) ?? toBoolean(tree.text.toLowerCase()))
        : undefined;
    if (tree.kind !== "text" || value === undefined)
      return this.#mistype(
        "error",
        tree,
        shape,
        key,
        `expected true or false, not ${describe(tree)}`,
      );
    if (scalarKind(tree) !== "bool") this.#tellQuoted(tree, shape, key);
    return value;
  }

  /** The original passes over a number or a boolean in quotes. */
  #tellQuoted(tree: Tree & { kind: "text" }, shape: Shape, key: string): void {
    this.#mistype(
      "warning",
      tree,
      shape,
      key,
      `it is text, and taken as ${tree.text}; write it ${tree.isQuoted ? "without quotes" : "in small letters"}`,
    );
  }

  #readList(tree: Tree & { kind: "list" }, shape: ListShape, key: string): readonly unknown[] {
    return tree.items.flatMap((item, i) => {
      const at = `${key}[${i}]`;
      if (item.kind === "null")
        return (
          this.#mistype("error", item, shape.of, at, "it is empty; fill it in or remove it") ?? []
        );
      return shape.of.kind === "text" && isEmpty(item) ? [] : [this.read(item, shape.of, at)];
    });
  }

  #readMap(
    tree: Tree & { kind: "map" },
    shape: MapShape,
    above: string,
  ): Readonly<Record<string, unknown>> {
    const value: Record<string, unknown> = {};
    for (const entry of tree.entries) {
      const key = above === "" ? entry.key : `${above}.${entry.key}`;
      const inner = Object.hasOwn(shape.keys, entry.key) ? shape.keys[entry.key] : undefined;
      if (inner === undefined) {
        const message = `unrecognized key ${JSON.stringify(entry.key)}`;
        const hint = shape.ignored.includes(entry.key)
          ? "it has no effect, as in the original"
          : this.problems.length < ADVICE_MAX
            ? advice(entry, shape, above)
            : "it is passed over";
        this.problems.push(original("warning", { line: entry.line, key }, message, hint));
        continue;
      }
      const why = DEPRECATED.get(withoutNumbers(key));
      if (why !== undefined) {
        const message = `deprecated key "${entry.key}" (${why})`;
        this.problems.push(original("warning", { line: entry.line, key }, message));
      }
      const inside = this.read(entry.value, inner, key);
      if (inside !== undefined) value[entry.key] = inside;
    }
    for (const name of shape.required)
      if (isEmpty(child(tree, name)))
        this.problems.push(error(tree.line, above, `has no "${name}"; give it one`));
    return value;
  }
}

/** Written but without a value: the same as not written. */
function isEmpty(tree: Tree | undefined): boolean {
  return tree === undefined || tree.kind === "null" || (tree.kind === "text" && tree.text === "");
}

/** What to do about a key that is not known here. */
function advice(entry: Entry, shape: MapShape, at: string): string {
  if (/^[\u2010-\u2015\u2212\u2022]/.test(entry.key))
    return 'it begins with a dash that is not a hyphen: a list item begins with "- "';
  const { coreos } = CLOUD_CONFIG.keys;
  if (at !== "coreos" && Object.hasOwn(coreos.keys, entry.key))
    return "it belongs under coreos, indented";
  if (at !== "" && Object.hasOwn(CLOUD_CONFIG.keys, entry.key))
    return "it belongs at the left edge, under nothing";
  const near = nearestWord(entry.key, Object.keys(shape.keys));
  if (near !== undefined) return `did you mean "${near}"?`;
  const known = Object.keys(shape.keys);
  return known.length > KEYS_LISTED_MAX
    ? "it is passed over; docs/reference-cloud-config.md lists the known ones"
    : `it is passed over; known here: ${known.join(", ")}`;
}

/** `units[0]` of `coreos.units[0]`: what the original calls a value. */
function lastOf(key: string): string {
  return key.slice(key.lastIndexOf(".") + 1);
}

/** The type as Go calls it. */
function typeName(shape: Shape): string {
  switch (shape.kind) {
    case "text":
    case "bytes":
      return "string";
    case "integer":
      return "int";
    case "number":
      return "float64";
    case "boolean":
      return "bool";
    case "list":
      return `[]${typeName(shape.of)}`;
    case "map":
      return "struct";
    default:
      return shape satisfies never;
  }
}

function toFloat(text: string): number | undefined {
  const plain = text.replaceAll("_", "");
  return /^[-+]?(?:\d{1,15}\.?\d{0,15}|\.\d{1,15})$/.test(plain) ? Number(plain) : undefined;
}

function toUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function quote(text: string): string {
  return `"${text.length > 40 ? `${text.slice(0, 40)}…` : text}"`;
}

function describe(tree: Tree): string {
  switch (tree.kind) {
    case "null":
      return "nothing";
    case "text":
      return quote(tree.text);
    case "bytes":
      return "binary data";
    case "list":
      return "a list";
    case "map":
      return "a group of keys";
    default:
      return tree satisfies never;
  }
}
