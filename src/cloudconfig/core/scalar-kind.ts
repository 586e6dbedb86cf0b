import type { Tree } from "./tree.ts";

/** What the original's YAML takes a scalar for, before it is known what was wanted. */
export type ScalarKind = "bool" | "int" | "float" | "string";

// YAML 1.1, as go-yaml 1 resolves it: these words and no other capitals.
const TRUE = new Set("y Y yes Yes YES true True TRUE on On ON".split(" "));
const FALSE = new Set("n N no No NO false False FALSE off Off OFF".split(" "));

const INTEGER = /^[-+]?(?:0x[0-9a-f]+|0o?[0-7]+|0b[01]+|0|[1-9]\d*)$/i; // strconv.ParseInt with base 0
const FLOAT = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i;
const INFINITE = /^(?:[-+]inf(?:inity)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/i;
const INT64_MAX = 2n ** 63n - 1n;

export function scalarKind(tree: Tree & { readonly kind: "text" }): ScalarKind {
  const { text } = tree;
  if (tree.isQuoted) return "string";
  if (TRUE.has(text) || FALSE.has(text)) return "bool";
  if (!/^[-+.\d]/.test(text)) return "string";
  if (toInteger(text) !== undefined) return "int";
  const plain = text.replaceAll(text.startsWith(".") ? /(?<=\d)_(?=\d)/g : "_", "");
  return (FLOAT.test(plain) && Number.isFinite(Number(plain))) || INFINITE.test(plain)
    ? "float"
    : "string";
}

/** A boolean as YAML 1.1 writes it. */
export function toBoolean(text: string): boolean | undefined {
  if (TRUE.has(text)) return true;
  return FALSE.has(text) ? false : undefined;
}

/** A whole number as Go reads it: decimal, `0x`, `0b`, and octal after a zero; `_` may part digits. */
export function toInteger(text: string): number | undefined {
  if (!/^[-+\d]/.test(text)) return undefined;
  const plain = text.replaceAll("_", "");
  if (!INTEGER.test(plain)) return undefined;
  const digits = plain.replace(/^[-+]/, "").replace(/^0(?=[0-7])/, "0o");
  const value = BigInt(digits.toLowerCase());
  if (value > INT64_MAX) return undefined;
  return Number(plain.startsWith("-") ? -value : value);
}
