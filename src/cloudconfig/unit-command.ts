import { Fault } from "#base/fault.ts";
import type { JobResult, Systemd } from "#systemd/systemd.ts";
import type { Action } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";

/** Runs a command on a unit as systemctl(1) does, and waits for the end of its job. */
export async function runUnitCommand(
  systemd: Systemd,
  { unit, command, ifPresent }: Action & { readonly kind: "command" },
  signal: AbortSignal,
): Promise<Outcome> {
  const [status] = await systemd.status([unit], signal);
  if (ifPresent && status?.loadState === "not-found")
    return { result: "skipped", note: "this machine does not have the unit" };
  const running = /^(active|activating|reloading)$/.test(status?.activeState ?? "");
  switch (command) {
    case "start":
      if (status?.activeState === "active") return { result: "unchanged", note: "runs already" };
      return outcome(unit, await systemd.startUnit(unit, signal));
    case "stop":
      if (status?.activeState === "inactive") return { result: "unchanged", note: "not running" };
      return outcome(unit, await systemd.stopUnit(unit, signal));
    case "restart":
      return outcome(unit, await systemd.restartUnit(unit, signal));
    case "reload":
      return outcome(unit, await systemd.reloadUnit(unit, signal));
    case "try-restart":
      if (!running) return { result: "unchanged", note: "not running" };
      return outcome(unit, await systemd.restartUnit(unit, signal));
    case "reload-or-restart":
      if (!running) return outcome(unit, await systemd.startUnit(unit, signal));
      return outcome(unit, await reloadOrRestart(systemd, unit, signal));
    case "reload-or-try-restart":
      if (!running) return { result: "unchanged", note: "not running" };
      return outcome(unit, await reloadOrRestart(systemd, unit, signal));
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

function outcome(unit: string, result: JobResult): Outcome {
  if (result === "done") return { result: "done" };
  if (result === "skipped")
    return { result: "skipped", note: "a condition of the unit is not met" };
  return {
    result: "failed",
    note: `its job ended with "${result}"; \`journalctl -u ${unit}\` says why`,
  };
}
