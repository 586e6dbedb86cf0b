import { type Problem, warning } from "./problem.ts";

/** Stands for the backslash of `\$public_ipv4` while YAML, to which it would be a bad escape, is parsed. */
export const ESCAPE = "\uFDD0";
/** Stand for the braces around an expression while YAML, to which they begin and end a map, is parsed. */
const OPEN = "\uFDD1";
const CLOSE = "\uFDD2";

const HEADER = /^#cloud-config[^\S\n]*\n##[^\S\n]*template:[^\S\n]*keelson[^\S\n]*(?:\n|$)/;
const MARK = /^##?[^\S\n]*template:[^\S\n]*(\S+)[^\S\n]*$/;
/** A whole expression on one line; quotes may hold anything. */
const EXPRESSION = /\{\{((?:[^{}"'\n]|"[^"\n]*"|'[^'\n]*')*)\}\}/g;

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
  return escaped.replace(
    EXPRESSION,
    (_, inside: string) => `${OPEN}${OPEN}${inside}${CLOSE}${CLOSE}`,
  );
}

/** The backslash of `\$public_ipv4` marked, which keeps the dollar sign. */
export function markAddresses(text: string): string {
  return text.replace(/\\(?=\$(?:public|private)_ipv[46])/g, ESCAPE);
}

/** Braces again, where `markEscapes` marked them. */
export function unmarkBraces(text: string): string {
  return text.replaceAll(OPEN, "{").replaceAll(CLOSE, "}");
}

/** What looks as if a template were meant, and is none. */
export function templateWarnings(text: string): readonly Problem[] {
  if (isTemplate(text)) return [];
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
