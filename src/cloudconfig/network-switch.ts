import { access } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import type { LoadModuleAction } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { mustRun } from "./run-program.ts";

const NOT_THIS_KERNEL: Outcome = {
  result: "skipped",
  note: "only the root / has a kernel to set up",
};

/** As in the original, an interface that can not be taken down is no failure: networkd may manage all the same. */
export async function applyTakeDown(name: string, root: string): Promise<Outcome> {
  if (root !== "/") return NOT_THIS_KERNEL;
  if (!/^[^/\s]{1,15}$/.test(name) || !(await exists(`/sys/class/net/${name}`)))
    return { result: "unchanged", note: "the machine has no such interface" };
  const action = `take interface ${name} down`;
  try {
    await mustRun(action, "ip", ["link", "set", "dev", name, "down"]);
    return { result: "done" };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { result: "skipped", note: error.message };
  }
}

/** @throws {Fault} MACHINE_REFUSED with what modprobe says */
export async function applyLoadModule(action: LoadModuleAction, root: string): Promise<Outcome> {
  if (root !== "/") return NOT_THIS_KERNEL;
  const { module, options } = action;
  if (await exists(`/sys/module/${module.replaceAll("-", "_")}`))
    return { result: "unchanged", note: "it is there already" };
  await mustRun(`load kernel module ${module}`, "modprobe", ["--", module, ...options]);
  return { result: "done" };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
