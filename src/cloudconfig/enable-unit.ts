import { resolve } from "node:path";
import type { Systemd } from "#systemd/systemd.ts";
import type { Action } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { mustRun } from "./run-program.ts";

/**
 * Enables by [Install]: through the systemd that runs, or, in the tree of an image, by `systemctl --root`, which makes
 * the links only.
 * @throws {Fault} SYSTEMD_FAILED, MACHINE_REFUSED
 */
export async function enableUnit(
  { unit, runtime }: Action & { readonly kind: "enable" },
  root: string,
  systemd: Systemd | undefined,
  signal: AbortSignal,
): Promise<Outcome> {
  if (systemd !== undefined) {
    const { hasInstall, changed } = await systemd.enableUnitFiles([unit], { runtime }, signal);
    return outcomeOf(hasInstall, changed);
  }
  const args = [`--root=${resolve(root)}`, "enable", ...(runtime ? ["--runtime"] : [])];
  const end = await mustRun(`enable ${unit}`, "systemctl", [...args, "--", unit]);
  const said = end.stdout + end.stderr;
  return outcomeOf(!said.includes("no installation config"), /^(?:Created|Removed) /m.test(said));
}

function outcomeOf(hasInstall: boolean, changed: boolean): Outcome {
  if (!hasInstall && !changed)
    return { result: "unchanged", note: "it has no [Install] section to enable it by" };
  return { result: changed ? "done" : "unchanged" };
}
