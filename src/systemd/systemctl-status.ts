import { Fault } from "#base/fault.ts";
import { type Ended, type Environment, runToEnd, startProgram } from "#systemd/child.ts";

/**
 * What `systemctl status -l` prints about a unit, with its exit status: 0 active, 3 not active, 4 no such unit
 * (systemctl(1), "Exit status"). None of these is an error; for 4 the text is on stderr.
 * @throws {Fault} SYSTEMD_MISSING when systemctl or the manager is not there
 */
export async function systemctlStatus(
  unit: string,
  options: { readonly scope: "system" | "user"; readonly env: Environment },
  signal: AbortSignal,
): Promise<Ended> {
  const scope = options.scope === "user" ? ["--user"] : [];
  const args = [...scope, "status", "--full", "--no-pager", "--", unit];
  const child = await startProgram("systemctl", args, options.env, signal);
  const ended = await runToEnd(child, signal);
  if (ended.exitStatus === 1 || ended.exitStatus === 2)
    throw new Fault(
      "SYSTEMD_MISSING",
      `Cannot ask for the status of ${unit}: ${ended.stderr.trim()}`,
    );
  return ended;
}
