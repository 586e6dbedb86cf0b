import { checkAsOriginal } from "./check-original.ts";
import { checkSense } from "./check-sense.ts";
import type { Gunzip } from "./decode-files.ts";
import { checkHeader } from "./header.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { describeProblem, messageOf, type Problem } from "./problem.ts";
import { byLine, readCloudConfig } from "./read-cloud-config.ts";
import { userDataKind } from "./user-data.ts";

/** What a validation found, and whether the user-data passes. */
export interface Report {
  /** By line. */
  readonly problems: readonly Problem[];
  /**
   * The exit status of `coreos-cloudinit --validate`: 1 when there is an error, or anything that the original's
   * validator finds too; what only Keelson warns of leaves it 0.
   */
  readonly status: 0 | 1;
}

/** One finding as the HTTP API tells it: `kind`, `line` and `message` as the original's service. */
export interface Entry {
  readonly kind: Problem["severity"];
  /** From 1. */
  readonly line: number;
  readonly message: string;
  /** Where it is; absent for the file as a whole. */
  readonly key?: string;
  /** What to do about it. */
  readonly hint?: string;
}

/**
 * Checks user-data for the machine that `facts` tell of, and changes nothing. A script, an Ignition config and nothing
 * at all pass: only cloud-configs can be checked.
 */
export function validate(text: string, facts: MachineFacts, gunzip: Gunzip): Report {
  const kind = userDataKind(text);
  if (kind === "unknown") return report(checkHeader(text));
  if (kind !== "cloud-config") return report([]);
  const { tree, problems } = readCloudConfig(text, facts, gunzip);
  if (tree === undefined) return report(problems);
  return report([...problems, ...checkAsOriginal(tree), ...checkSense(tree, facts)]);
}

function report(found: readonly Problem[]): Report {
  const problems = byLine(found);
  const fails = problems.some((problem) => problem.isOriginal || problem.severity === "error");
  return { problems, status: fails ? 1 : 0 };
}

/** A line for every problem, and one more where there is something to say about it; each ends with a newline. */
export function describeReport({ problems }: Report): string {
  return problems.map((problem) => `${describeProblem(problem)}\n`).join("");
}

export function toEntry(problem: Problem): Entry {
  const { severity, line, key, hint } = problem;
  return {
    kind: severity,
    line,
    message: messageOf(problem),
    ...(key === "" ? {} : { key }),
    ...(hint === undefined ? {} : { hint }),
  };
}
