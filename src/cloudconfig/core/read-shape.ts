import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { error, type Problem, warning } from "./problem.ts";
import { CLOUD_CONFIG } from "./schema.ts";
import type { MapShape, Shape, ValueOf } from "./shape.ts";
import { child, type Entry, type Tree } from "./tree.ts";

/** Reads a tree by a shape. Every problem is collected; the value is whole only when none of them is an error. */
export function readShape<const S extends Shape>(
  tree: Tree,
  shape: S,
): { readonly value: ValueOf<S> | undefined; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { value: read(tree, shape, "", problems) as ValueOf<S> | undefined, problems };
}

/** More keys than this are looked up, not read in an error message. */
const KEYS_LISTED_MAX = 16;

// YAML 1.1, which the original reads, has all these words for true and false.
const TRUE = new Set(["true", "yes", "on", "y"]);
const FALSE = new Set(["false", "no", "off", "n"]);

function read(tree: Tree, shape: Shape, key: string, problems: Problem[]): unknown {
  if (tree.kind === "null") return undefined;
  const refuse = (message: string): undefined => void problems.push(error(tree.line, key, message));
  switch (shape.kind) {
    case "map":
      if (tree.kind !== "map") return refuse(`expected keys below it, not ${describe(tree)}`);
      return readMap(tree, shape, key, problems);
    case "list":
      if (tree.kind !== "list")
        return refuse(`expected a list (items begin with "- "), not ${describe(tree)}`);
      return tree.items.map((item, i) =>
        isEmpty(item)
          ? void problems.push(
              error(item.line, `${key}[${i}]`, "is empty; fill it in or remove it"),
            )
          : read(item, shape.of, `${key}[${i}]`, problems),
      );
    case "bytes":
      if (tree.kind === "bytes") return tree.bytes;
      return tree.kind === "text" ? tree.text : refuse(`expected text, not ${describe(tree)}`);
    case "text": {
      if (tree.kind !== "text") return refuse(`expected text, not ${describe(tree)}`);
      if (isEmpty(tree)) return undefined;
      if (shape.words?.includes(tree.text) === false)
        return refuse(`is ${describe(tree)}; choose one of ${shape.words.join(", ")}`);
      const wrong = shape.check?.(tree.text);
      return wrong === undefined ? tree.text : refuse(wrong);
    }
    case "integer":
    case "number": {
      const pattern =
        shape.kind === "integer" ? /^[-+]?\d{1,15}$/ : /^[-+]?\d{1,15}(?:\.\d{1,15})?$/;
      const wanted = shape.kind === "integer" ? "a whole number" : "a number";
      if (tree.kind === "text" && pattern.test(tree.text)) return Number(tree.text);
      return refuse(`expected ${wanted}, not ${describe(tree)}`);
    }
    case "boolean": {
      const word = tree.kind === "text" ? tree.text.toLowerCase() : "";
      if (TRUE.has(word)) return true;
      return FALSE.has(word) ? false : refuse(`expected true or false, not ${describe(tree)}`);
    }
    default:
      return shape satisfies never;
  }
}

function readMap(
  tree: Tree & { kind: "map" },
  shape: MapShape,
  key: string,
  problems: Problem[],
): Readonly<Record<string, unknown>> {
  const value: Record<string, unknown> = {};
  const lineOf = new Map<string, number>();
  for (const entry of tree.entries) {
    const path = key === "" ? entry.key : `${key}.${entry.key}`;
    const earlier = lineOf.get(entry.key);
    lineOf.set(entry.key, entry.line);
    const inner = Object.hasOwn(shape.keys, entry.key) ? shape.keys[entry.key] : undefined;
    if (earlier !== undefined)
      problems.push(error(entry.line, path, `stands on line ${earlier} already; write it once`));
    else if (shape.ignored.includes(entry.key))
      problems.push(warning(entry.line, path, "has no effect, as in the original"));
    else if (inner === undefined)
      problems.push(error(entry.line, path, `unknown key${advice(entry, shape, key)}`));
    else {
      const inside = read(entry.value, inner, path, problems);
      if (inside !== undefined) value[entry.key] = inside;
    }
  }
  for (const name of shape.required)
    if (isEmpty(child(tree, name)))
      problems.push(error(tree.line, key, `has no "${name}"; give it one`));
  return value;
}

/** Written but without a value: the same as not written. */
function isEmpty(tree: Tree | undefined): boolean {
  return tree === undefined || tree.kind === "null" || (tree.kind === "text" && tree.text === "");
}

/** What to do about a key that is not known here. */
function advice(entry: Entry, shape: MapShape, at: string): string {
  if (/^[\u2010-\u2015\u2212\u2022]/.test(entry.key))
    return '; it begins with a dash that is not a hyphen: a list item begins with "- "';
  const { coreos } = CLOUD_CONFIG.keys;
  if (at !== "coreos" && Object.hasOwn(coreos.keys, entry.key))
    return "; it belongs under coreos, indented";
  if (at !== "" && Object.hasOwn(CLOUD_CONFIG.keys, entry.key))
    return "; it belongs at the left edge, under nothing";
  const near = nearestWord(entry.key, Object.keys(shape.keys));
  if (near !== undefined) return `; did you mean "${near}"?`;
  const known = Object.keys(shape.keys);
  return known.length > KEYS_LISTED_MAX
    ? "; docs/reference-cloud-config.md lists the known ones"
    : `; known here: ${known.join(", ")}`;
}

function describe(tree: Tree): string {
  switch (tree.kind) {
    case "null":
      return "nothing";
    case "text":
      return `"${tree.text.length > 40 ? `${tree.text.slice(0, 40)}…` : tree.text}"`;
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
