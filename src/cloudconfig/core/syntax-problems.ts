import type { LineCounter, YAMLError } from "yaml";
import { error, original, type Problem } from "./problem.ts";
import { ESCAPE } from "./template-mode.ts";

/**
 * What the YAML parser stumbled over: libyaml's words for it, as the original tells them, and what to do. Lines whose
 * indentation is off are told all, for each has to be mended; else only what came first, as the original does.
 */
export function syntaxProblems(
  text: string,
  errors: readonly YAMLError[],
  lines: LineCounter,
): Problem[] {
  const source = text.split("\n");
  const indentation = errors.filter((e) => INDENTATION.has(e.code));
  const byLine = new Map<number, Problem>();
  for (const cause of indentation.length > 0 ? indentation : errors.slice(0, 1)) {
    const told = lines.linePos(cause.pos[0]).line;
    const line = cause.code === "BLOCK_AS_IMPLICIT_KEY" ? deeperLine(source, told) : told;
    if (byLine.has(line)) continue;
    const key = KEY.exec(source[line - 1] ?? "")?.[1] ?? "";
    const why = explain(cause, line !== told);
    const words = libyamlWords(cause, source, line);
    const isFirst = byLine.size === 0;
    byLine.set(
      line,
      isFirst ? original("error", { line, key }, words, why) : error(line, key, why),
    );
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

function libyamlWords(
  { code, message }: YAMLError,
  source: readonly string[],
  line: number,
): string {
  if (code === "BAD_INDENT" && isBesideItems(source, line))
    return "did not find expected '-' indicator";
  for (const [pattern, words] of BY_MESSAGE) if (pattern.test(message)) return words;
  return BY_CODE[code] ?? "did not find expected key";
}

/** Whether the nearest line above in the same column begins a list's item. */
function isBesideItems(source: readonly string[], line: number): boolean {
  const column = (text = "") => text.length - text.trimStart().length;
  const above = source
    .slice(0, line - 1)
    .findLast((text) => column(text) === column(source[line - 1]));
  return above !== undefined && /^\s*- /.test(above) && !/^\s*- /.test(source[line - 1] ?? "");
}

/** Where the same code stands for several things. */
const BY_MESSAGE: readonly [RegExp, string][] = [
  [/^Missing closing .*quote/, "found unexpected end of stream"],
  [/^Implicit (?:map )?keys? need/, "could not find expected ':'"],
  [/^A block sequence may not|^All sequence items/, "did not find expected key"],
  [/block-seq-ind/, "block sequence entries are not allowed in this context"],
  [/^Flow sequence/, "did not find expected ',' or ']'"],
  [/^Flow map/, "did not find expected ',' or '}'"],
  [/^Not a YAML token/, "did not find expected comment or line break"],
  [/^Plain value cannot start with flow/, "did not find expected node content"],
];

const BY_CODE: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "found character that cannot start any token",
  BAD_SCALAR_START: "found character that cannot start any token",
  BLOCK_AS_IMPLICIT_KEY: "mapping values are not allowed in this context",
  BLOCK_IN_FLOW: "did not find expected ',' or '}'",
  BAD_DQ_ESCAPE: "found unknown escape character",
};

function explain(cause: YAMLError, isDeeper: boolean): string {
  if (isDeeper)
    return "it is indented deeper than the line above, which has a value of its own; keys of one level start in the same column";
  if (cause.message === "All mapping items must start at the same column")
    return "it is indented differently from the keys before it; keys of one level start in the same column";
  if (/^Implicit (?:map )?keys? need/.test(cause.message))
    return 'the line is neither "KEY: VALUE", with a blank behind the colon, nor part of what stands above it';
  if (/block-seq-ind/.test(cause.message))
    return "a list begins on a line of its own, each item with a hyphen and a blank";
  if (cause.code === "BAD_DQ_ESCAPE") return badEscape(cause.message);
  if (cause.code === "BAD_SCALAR_START") return `${cause.message}; put the value in quotes`;
  return PLAIN_WORDS[cause.code] ?? cause.message;
}

/** @param message the parser's, which ends in the escape. */
function badEscape(message: string): string {
  const escape = message.replace(/^Invalid escape sequence /, "");
  if (escape === `\\${ESCAPE}`)
    return "two backslashes stand before the variable; one keeps its dollar sign, in quotes too";
  return `in double quotes a backslash is written \\\\, and ${escape} means nothing; or put the value in single quotes`;
}

const PLAIN_WORDS: Partial<Record<YAMLError["code"], string>> = {
  TAB_AS_INDENT: "the line is indented with a tab; use spaces",
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " in one line; put the value in quotes',
  RESOURCE_EXHAUSTION: "nested deeper than a cloud-config is",
};
