/**
 * Something wrong in a cloud-config. An error stops everything; a warning is shown and the rest goes on; an info only
 * tells.
 */
export interface Problem {
  readonly severity: "error" | "warning" | "info";
  /** From 1. */
  readonly line: number;
  /** From 1, where it is told. */
  readonly column?: number;
  /** Where it is, such as `coreos.units[0].command`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint?: string;
  /** The original's validator finds it too, and says `message` word for word. */
  readonly isOriginal?: true;
}

export function error(line: number, key: string, message: string): Problem {
  return { severity: "error", line, key, message };
}

export function warning(line: number, key: string, message: string): Problem {
  return { severity: "warning", line, key, message };
}

/** A problem in the words of the original's validator; `hint` adds what it does not say. */
export function original(
  severity: Problem["severity"],
  at: { readonly line: number; readonly key: string },
  message: string,
  hint?: string,
): Problem {
  const { line, key } = at;
  return {
    severity,
    line,
    key,
    message,
    isOriginal: true,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** The message by itself: with its key in front, except in the original's words, which have none. */
export function messageOf(problem: Problem): string {
  return problem.isOriginal || problem.key === ""
    ? problem.message
    : `${problem.key}: ${problem.message}`;
}

/**
 * As the original's validator writes it, `line 4: warning: unrecognized key "discovry"`, and on a second line, indented,
 * where that is and what to do: `coreos.etcd2.discovry: did you mean "discovery"?`.
 */
export function describeProblem(problem: Problem): string {
  const column = problem.column === undefined ? "" : `, column ${problem.column}`;
  const told = `line ${problem.line}${column}: ${problem.severity}: ${messageOf(problem)}`;
  if (problem.hint === undefined) return told;
  const where = problem.key === "" ? "" : `${problem.key}: `;
  return `${told}\n    ${where}${problem.hint}`;
}
