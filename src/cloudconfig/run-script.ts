import { randomInt } from "node:crypto";
import { access } from "node:fs/promises";
import { Fault } from "#base/fault.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { RunScriptAction } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { pathInRoot } from "./root-path.ts";
import { outcomeOf } from "./unit-command.ts";
import { applyWrite } from "./write-action.ts";

const DESCRIPTION = "A script that was given as user-data";

/**
 * Keeps the script below the workspace, under a fresh number, and has systemd start it as the unit
 * `coreos-cloudinit-NUMBER.service`, whose name is kept beside it in `unit-name`. As in the original each run starts it
 * anew, and its end is not waited for: the journal has what it prints.
 * @throws {Fault} CLOUD_CONFIG_INVALID for an interpreter that is not there, FILE_UNWRITABLE, SYSTEMD_FAILED
 */
export async function runScript(
  action: RunScriptAction,
  root: string,
  systemd: Systemd,
  signal: AbortSignal,
): Promise<Outcome> {
  const { workspace, content, interpreter } = action;
  await checkInterpreter(interpreter[0] ?? /^#!\s*(\S+)/.exec(content)?.[1] ?? "");
  const number = String(randomInt(1e8, 1e9));
  const path = `${workspace}/scripts/${number}`;
  await applyWrite({ kind: "write", path, content, permissions: "0744" }, root);
  const unit = `coreos-cloudinit-${number}.service`;
  const kept = `${workspace}/scripts/unit-name`;
  await applyWrite({ kind: "write", path: kept, content: unit, permissions: "0644" }, root);
  const [program, ...args] = [...interpreter, await pathInRoot(root, path)];
  const service = { description: DESCRIPTION, argv: [program!, ...args] } as const;
  const outcome = outcomeOf(await systemd.startTransientUnit(unit, service, signal), unit, root);
  return outcome.result === "done" ? { result: "done", note: `as ${unit}` } : outcome;
}

/** systemd would start the unit and tell nobody but the journal. */
async function checkInterpreter(program: string): Promise<void> {
  const isThere = await access(program).then(
    () => program.startsWith("/"),
    () => false,
  );
  if (!isThere)
    throw new Fault(
      "CLOUD_CONFIG_INVALID",
      `Cannot run the script: "${program}", which its first line asks for, is not on this machine; name a program that is, by its whole path`,
    );
}
