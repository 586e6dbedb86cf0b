import { decodeFiles, type Gunzip } from "./decode-files.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { parseTree } from "./parse-tree.ts";
import type { Problem } from "./problem.ts";
import { readShape } from "./read-shape.ts";
import { CLOUD_CONFIG, type CloudConfig } from "./schema.ts";
import { markEscapes, substitute } from "./substitute.ts";
import { child } from "./tree.ts";

export interface CloudConfigReading {
  /** Whole and valid; absent when one of the problems is an error. */
  readonly config?: CloudConfig;
  /** By line. */
  readonly problems: readonly Problem[];
}

/** Parses a cloud-config, fills in what is known of the machine, and checks it. Never throws. */
export function readCloudConfig(
  text: string,
  facts: MachineFacts,
  gunzip: Gunzip,
): CloudConfigReading {
  const parsed = parseTree(markEscapes(text));
  if (parsed.tree === undefined) return { problems: byLine(parsed.problems) };
  const { tree, problems: unknown } = substitute(parsed.tree, facts);
  const { value = {}, problems: misshapen } = readShape(tree, CLOUD_CONFIG);
  const problems = [...unknown, ...misshapen];
  if (problems.some(isError)) return { problems: byLine(problems) };

  const { files, problems: undecoded } = decodeFiles(
    value.write_files ?? [],
    child(tree, "write_files"),
    gunzip,
  );
  problems.push(...undecoded);
  if (problems.some(isError)) return { problems: byLine(problems) };
  const config = value.write_files === undefined ? value : { ...value, write_files: files };
  return { config, problems: byLine(problems) };
}

function isError(problem: Problem): boolean {
  return problem.severity === "error";
}

function byLine(problems: readonly Problem[]): readonly Problem[] {
  return problems.toSorted((a, b) => a.line - b.line);
}
