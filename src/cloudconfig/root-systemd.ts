import { join, resolve } from "node:path";
import type { Systemd } from "#systemd/systemd.ts";
import { findInRoot } from "./root-path.ts";

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
  if (env["KEELSON_ROOT"] !== undefined && resolve(env["KEELSON_ROOT"]) === resolve(root)) {
    const runtime = env["XDG_RUNTIME_DIR"];
    const socketPath = join(runtime ?? join(root, "run"), "systemd/private");
    return openSystemd({ socketPath }, signal);
  }
  // Never this computer's, to which a link in the tree may lead.
  const socketPath = await findInRoot(root, "run/systemd/private");
  return socketPath === undefined ? undefined : openSystemd({ socketPath }, signal);
}
