import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Systemd } from "#systemd/systemd.ts";

/**
 * The systemd that runs the machine below `root`: this computer's for `/`, that of the machine which the environment
 * says we are in (KEELSON_ROOT), else one whose socket is in the root. None for the tree of an image, where none runs.
 * @throws {Fault} SYSTEMD_MISSING when the one that should be there does not answer
 */
export async function openSystemdOf(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Systemd | undefined> {
  const { openSystemd } = await import("#systemd/open-systemd.ts"); // heavy, and often not needed
  if (resolve(root) === "/") {
    const isRoot = process.geteuid?.() === 0; // systemd's own socket is root's alone
    const address = isRoot ? { socketPath: "/run/systemd/private" } : ({ bus: "system" } as const);
    return openSystemd(address, signal);
  }
  const own = join(root, "run/systemd/private");
  if (env["KEELSON_ROOT"] !== undefined && resolve(env["KEELSON_ROOT"]) === resolve(root)) {
    const runtime = env["XDG_RUNTIME_DIR"];
    const socketPath = runtime === undefined ? own : join(runtime, "systemd/private");
    return openSystemd({ socketPath }, signal);
  }
  return existsSync(own) ? openSystemd({ socketPath: own }, signal) : undefined;
}
