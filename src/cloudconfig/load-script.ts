import { Fault } from "#base/fault.ts";
import type { MachineFacts } from "./core/machine-facts.ts";
import { describeProblem } from "./core/problem.ts";
import { substituteScript } from "./core/substitute.ts";

/**
 * The script that user-data is, with `$private_ipv4` and the like replaced as in the original; `\$private_ipv4` stays a
 * variable of the shell.
 * @param name what errors call it, such as its file
 * @throws {Fault} CLOUD_CONFIG_INVALID with a line for each address that is not known
 */
export function loadScript(script: string, name: string, facts: MachineFacts): string {
  const { text, problems } = substituteScript(script, facts);
  const [first] = problems;
  if (first === undefined) return text;
  const lines = problems.map((problem) => `\n  ${describeProblem(problem)}`).join("");
  throw new Fault(
    "CLOUD_CONFIG_INVALID",
    `Cannot run script ${name}: a variable of the script's own is written with a backslash (\\$private_ipv4), and these are none:${lines}`,
    { facts: { file: name, line: first.line, key: "" } },
  );
}
