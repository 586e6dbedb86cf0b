import { decodeContents, type Gunzip, withContents } from "./decode-files.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { parseTree } from "./parse-tree.ts";
import type { Problem } from "./problem.ts";
import { readShape } from "./read-shape.ts";
import { CLOUD_CONFIG, type CloudConfig } from "./schema.ts";
import { substitute } from "./substitute.ts";
import { markEscapes, unmark } from "./template-mode.ts";
import { child, type Tree } from "./tree.ts";

export interface CloudConfigReading {
  /** Whole and valid; absent when one of the problems is an error. */
  readonly config?: CloudConfig;
  /** By line. */
  readonly problems: readonly Problem[];
  /** What it was read from, variables filled in; absent when it is no YAML. */
  readonly tree?: Tree;
}

/** Parses a cloud-config, fills in what is known of the machine, and checks it. Never throws. */
export function readCloudConfig(
  text: string,
  facts: MachineFacts,
  gunzip: Gunzip,
): CloudConfigReading {
  const parsed = parseTree(markEscapes(text));
  if (parsed.tree === undefined) return { problems: told(parsed.problems) };
  const { tree, problems: unknown } = substitute(parsed.tree, facts, text);
  const { value = {}, problems: misshapen } = readShape(tree, CLOUD_CONFIG);
  const { contents, problems: undecoded } = decodeContents(child(tree, "write_files"), gunzip);
  const problems = told([...parsed.problems, ...unknown, ...misshapen, ...undecoded]);
  if (problems.some((problem) => problem.severity === "error")) return { problems, tree };
  const files = value.write_files && withContents(value.write_files, contents);
  return { config: files ? { ...value, write_files: files } : value, problems, tree };
}

/** In order; what quotes the user-data quotes it as it was written. */
function told(problems: readonly Problem[]): readonly Problem[] {
  return byLine(problems.map(unmarked));
}

function unmarked(problem: Problem): Problem {
  const { key, message, hint } = problem;
  const words = { key: unmark(key), message: unmark(message) };
  return { ...problem, ...words, ...(hint === undefined ? {} : { hint: unmark(hint) }) };
}

/** Stable: of one line, what was found first stays first. */
export function byLine(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}
