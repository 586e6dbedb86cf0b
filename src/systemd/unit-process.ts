import { readFile } from "node:fs/promises";
import { isErrno } from "#base/fault.ts";
import { type Environment, runToEnd, startProgram } from "#systemd/child.ts";

/** A running process of a unit, and what the unit says of itself where it has none. */
export interface UnitProcess {
  /** Its main process, else another one of its control group; undefined when none runs. */
  readonly pid: number | undefined;
  /** `User=`; empty when the unit names none. */
  readonly user: string;
}

/** Where the control groups of systemd's units are, by the kernel's version of them, cgroups(7). */
const GROUP_ROOTS = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"];

/**
 * Finds a process that has the surroundings that systemd gave the unit.
 * @throws {Fault} SYSTEMD_MISSING when systemctl is not there
 */
export async function findUnitProcess(
  unit: string,
  options: { readonly scope: "system" | "user"; readonly env: Environment },
  signal: AbortSignal,
): Promise<UnitProcess> {
  const scope = options.scope === "user" ? ["--user"] : [];
  const args = [...scope, "show", "--property=MainPID,ControlGroup,User", "--", unit];
  const child = await startProgram("systemctl", args, options.env, signal);
  const { stdout } = await runToEnd(child, signal);
  const properties = new Map(
    stdout.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
  );
  const main = Number(properties.get("MainPID") ?? 0);
  const pid = main > 0 ? main : await firstOf(properties.get("ControlGroup") ?? "");
  return { pid, user: properties.get("User") ?? "" };
}

/** The first process of a control group itself, not of those below it. */
async function firstOf(group: string): Promise<number | undefined> {
  if (group === "" || group === "/") return undefined;
  for (const root of GROUP_ROOTS)
    try {
      const [first = ""] = (await readFile(`${root}${group}/cgroup.procs`, "utf8")).split("\n");
      if (first !== "" && first !== "0") return Number(first);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  return undefined;
}
