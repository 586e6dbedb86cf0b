import { Fault } from "#base/fault.ts";
import type { JobResult, Systemd } from "#systemd/systemd.ts";
import type { Action } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";

/**
 * Runs a command on a unit as systemctl(1) does, and waits for the end of its job.
 * @param root is the machine's root directory.
 */
export async function runUnitCommand(
  systemd: Systemd,
  action: Action & { readonly kind: "command" },
  root: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const end = await runCommand(systemd, action, signal);
  return typeof end === "string" ? outcomeOf(end, action.unit, root) : end;
}

async function runCommand(
  systemd: Systemd,
  { unit, command, ifPresent }: Action & { readonly kind: "command" },
  signal: AbortSignal,
): Promise<JobResult | Outcome> {
  const [status] = await systemd.status([unit], signal);
  if (ifPresent && status?.loadState === "not-found")
    return { result: "skipped", note: "this machine does not have the unit" };
  const running = /^(active|activating|reloading)$/.test(status?.activeState ?? "");
  switch (command) {
    case "start":
      if (status?.activeState === "active") return { result: "unchanged", note: "runs already" };
      return systemd.startUnit(unit, signal);
    case "stop":
      if (status?.activeState === "inactive") return { result: "unchanged", note: "not running" };
      return systemd.stopUnit(unit, signal);
    case "restart":
      return systemd.restartUnit(unit, signal);
    case "reload":
      return systemd.reloadUnit(unit, signal);
    case "try-restart":
      if (!running) return { result: "unchanged", note: "not running" };
      return systemd.restartUnit(unit, signal);
    case "reload-or-restart":
      if (!running) return systemd.startUnit(unit, signal);
      return reloadOrRestart(systemd, unit, signal);
    case "reload-or-try-restart":
      if (!running) return { result: "unchanged", note: "not running" };
      return reloadOrRestart(systemd, unit, signal);
    default:
      return command satisfies never;
  }
}

/** systemd refuses to queue a reload of a unit without ExecReload=; such a one is restarted. */
async function reloadOrRestart(
  systemd: Systemd,
  unit: string,
  signal: AbortSignal,
): Promise<JobResult> {
  try {
    return await systemd.reloadUnit(unit, signal);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "SYSTEMD_FAILED") throw error;
    return systemd.restartUnit(unit, signal);
  }
}

/** The manager of a root of its own is a user's, and the journal keeps its units apart. */
export function outcomeOf(result: JobResult, unit: string, root: string): Outcome {
  if (result === "done") return { result: "done" };
  if (result === "skipped")
    return { result: "skipped", note: "a condition of the unit is not met" };
  const option = root === "/" ? "-u" : "--user-unit";
  return {
    result: "failed",
    note: `its job ended with "${result}"; \`journalctl ${option} ${unit}\` says why`,
  };
}
