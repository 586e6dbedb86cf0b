import { access, readFile } from "node:fs/promises";
import { reasonOf } from "#base/fault.ts";
import type { LoadModuleAction } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { mustRun, runProgram } from "./run-program.ts";

const NOT_THIS_KERNEL: Outcome = {
  result: "skipped",
  note: "only the root / has a kernel to set up",
};

/** As in the original, an interface that can not be taken down is no failure: networkd may manage all the same. */
export async function applyTakeDown(name: string, root: string): Promise<Outcome> {
  if (root !== "/") return NOT_THIS_KERNEL;
  if (!(await interfaceNames()).includes(name))
    return { result: "unchanged", note: "the machine has no such interface" };
  const complaints: string[] = [];
  for (const [program, ...args] of [
    ["ip", "link", "set", "dev", name, "down"],
    ["networkctl", "down", name],
  ] as const) {
    const said = await runProgram(program, args).then(
      ({ status, stderr }) => (status === 0 ? undefined : stderr.trim()),
      reasonOf,
    );
    if (said === undefined) return { result: "done" };
    complaints.push(said);
  }
  return { result: "skipped", note: complaints.join("; ") };
}

/** @throws {Fault} MACHINE_REFUSED with what modprobe says */
export async function applyLoadModule(action: LoadModuleAction, root: string): Promise<Outcome> {
  if (root !== "/") return NOT_THIS_KERNEL;
  const { module, options } = action;
  if (await isLoaded(module)) return { result: "unchanged", note: "it is there already" };
  await mustRun(`load kernel module ${module}`, "modprobe", ["--", module, ...options]);
  return { result: "done" };
}

/** Those of our own network namespace, which /sys may not show; proc(5), net/dev. */
async function interfaceNames(): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/net/dev", "utf8")).split("\n").slice(2);
  return lines.map((line) => line.split(":", 1)[0]!.trim()).filter(Boolean);
}

async function isLoaded(module: string): Promise<boolean> {
  return access(`/sys/module/${module.replaceAll("-", "_")}`).then(
    () => true,
    () => false,
  );
}
