import { writeFile } from "node:fs/promises";
import { hostname as currentHostname } from "node:os";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Outcome } from "./outcome.ts";
import { runProgram } from "./run-program.ts";
import { applyWrite } from "./write-action.ts";

const KERNEL_HOSTNAME = "/proc/sys/kernel/hostname"; // proc(5)

/**
 * Sets the name for good in /etc/hostname and, where the root is this computer's own, now: by hostnamectl(1), or in the
 * kernel alone where the bus that it needs is not there yet.
 * @throws {Fault} MACHINE_REFUSED, FILE_UNWRITABLE
 */
export async function applyHostname(name: string, root: string): Promise<Outcome> {
  const kept = await applyWrite(
    { kind: "write", path: "/etc/hostname", content: `${name}\n`, permissions: "0644" },
    root,
  );
  if (root !== "/") return { ...kept, note: "in etc/hostname; the name in use stays as it is" };
  if (currentHostname() === name) return kept;
  const said = await runProgram("hostnamectl", ["set-hostname", "--", name]).then(
    ({ status, stderr }) => (status === 0 ? undefined : stderr.trim()),
    reasonOf,
  );
  if (said === undefined) return { result: "done" };
  try {
    await writeFile(KERNEL_HOSTNAME, name);
  } catch (cause) {
    throw new Fault(
      "MACHINE_REFUSED",
      `Cannot set the hostname to ${name}: hostnamectl says: ${said}; run as root`,
      { cause },
    );
  }
  return { result: "done", note: "in the kernel, without hostnamectl" };
}
