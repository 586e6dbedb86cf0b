import { execFile } from "node:child_process";
import { hostname as currentHostname } from "node:os";
import { promisify } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Outcome } from "./outcome.ts";
import { applyWrite } from "./write-action.ts";

const run = promisify(execFile);

/** Sets the name for good in /etc/hostname and, where the root is this computer's own, now. */
export async function applyHostname(
  name: string,
  root: string,
  signal: AbortSignal,
): Promise<Outcome> {
  const kept = await applyWrite(
    { kind: "write", path: "/etc/hostname", content: `${name}\n`, permissions: "0644" },
    root,
  );
  if (root !== "/") return { ...kept, note: "in etc/hostname; the name in use stays as it is" };
  if (currentHostname() === name) return kept;
  try {
    await run("hostnamectl", ["set-hostname", name], { signal });
  } catch (cause) {
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot set the hostname to ${name}: hostnamectl says: ${reasonOf(cause)}`,
      { cause },
    );
  }
  return { result: "done" };
}
