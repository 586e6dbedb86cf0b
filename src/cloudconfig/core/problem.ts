/** Something wrong in a cloud-config. An error stops everything; a warning is shown and the rest goes on. */
export interface Problem {
  readonly severity: "error" | "warning";
  /** From 1. */
  readonly line: number;
  /** Where it is, such as `coreos.units[0].command`; empty for the file as a whole. */
  readonly key: string;
  readonly message: string;
}

export function error(line: number, key: string, message: string): Problem {
  return { severity: "error", line, key, message };
}

export function warning(line: number, key: string, message: string): Problem {
  return { severity: "warning", line, key, message };
}

/** `line 4: coreos.etcd2.discovry: unknown key; did you mean "discovery"?` */
export function describeProblem(problem: Problem): string {
  const where = problem.key === "" ? "" : `${problem.key}: `;
  const severity = problem.severity === "warning" ? "warning: " : "";
  return `line ${problem.line}: ${severity}${where}${problem.message}`;
}
