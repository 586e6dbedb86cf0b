import { type Problem, warning } from "./problem.ts";

/** Stands for the backslash of `\$public_ipv4` while YAML, to which it would be a bad escape, is parsed. */
export const ESCAPE = "\uFDD0";
/** What YAML would take for its own inside of an expression; U+FDD1 and the next ones stand for these meanwhile. */
const MASKED = '{}[],:#"';
const MASK = 0xfdd1;

const HEADER = /^#cloud-config[^\S\n]*\n##[^\S\n]*template:[^\S\n]*keelson[^\S\n]*(?:\n|$)/;
const MARK = /^##?[^\S\n]*template:[^\S\n]*(\S+)[^\S\n]*$/;
/** A whole expression on one line; quotes may hold anything. */
const EXPRESSION = /\{\{(?:[^{}"'\n]|"[^"\n]*"|'[^'\n]*')*\}\}/g;
const MASKS = /[\uFDD1-\uFDD8]/g;

/** Whether user-data asks for its expressions to be evaluated: `## template: keelson` directly below the header. */
export function isTemplate(text: string): boolean {
  return HEADER.test(text);
}

/**
 * To be called on the text of user-data before it is parsed as YAML; `substitute` puts back what it marks. Places of
 * everything stay, so that YAML's own problems are told where they are.
 */
export function markEscapes(text: string): string {
  const escaped = markAddresses(text);
  if (!isTemplate(text)) return escaped;
  return escaped.replace(EXPRESSION, (expression) =>
    // A quote that is escaped for YAML stays for YAML to unescape.
    expression.replace(/(?<!\\)"|[{}[\],:#]/g, (sign) =>
      String.fromCharCode(MASK + MASKED.indexOf(sign)),
    ),
  );
}

/** The backslash of `\$public_ipv4` marked, which keeps the dollar sign. */
export function markAddresses(text: string): string {
  return text.replace(/\\(?=\$(?:public|private)_ipv[46])/g, ESCAPE);
}

/** Words about user-data with all as it was before `markEscapes`, for people. */
export function unmark(text: string): string {
  return unmaskExpressions(text).replaceAll(ESCAPE, "\\");
}

/** Expressions as they were before `markEscapes`. */
export function unmaskExpressions(text: string): string {
  return text.replace(MASKS, (mask) => MASKED.charAt(mask.charCodeAt(0) - MASK));
}

/** An expression that names a fact; what stands between braces in other languages of templates looks otherwise. */
const OF_A_FACT =
  /\{\{ *(?:hostname *[|}]|(?:default|interfaces|machine|metadata|os)[.[]\w|reverse\(|(?:public|private)_ipv[46] *[|}])/;

/** What looks as if a template were meant, and is none. */
export function templateWarnings(text: string): readonly Problem[] {
  if (isTemplate(text)) return [];
  return [...misplacedMark(text), ...strayExpression(text)].slice(0, 1);
}

function misplacedMark(text: string): readonly Problem[] {
  for (const [i, line] of text.split("\n").entries()) {
    if (!line.startsWith("#") && line.trim() !== "") return [];
    const engine = MARK.exec(line)?.[1];
    if (engine === undefined) continue;
    const why =
      engine === "keelson"
        ? 'is no template: the line "## template: keelson" counts directly below "#cloud-config" only'
        : `is no template: "${engine}" is not known here, only "## template: keelson"`;
    return [warning(i + 1, "", why)];
  }
  return [];
}

function strayExpression(text: string): readonly Problem[] {
  const at = text.search(OF_A_FACT);
  if (at === -1) return [];
  const line = text.slice(0, at).split("\n").length;
  const why =
    'braces stay as they are here; for an expression, write "## template: keelson" directly below "#cloud-config"';
  return [warning(line, "", why)];
}
