import { Fault } from "#base/fault.ts";
import { COMMANDS } from "./commands.ts";
import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { completionTable } from "./completion-table.ts";
import { zshCompletion } from "./completion-zsh.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import type { Session } from "./session.ts";
import { SHELLS, type Shell } from "./shells.ts";

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

/** `completion SHELL`: the script that makes a shell complete what fleetctl takes. */
export async function runCompletion({ args, io }: Session): Promise<number> {
  const [name, ...more] = args;
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined || more.length > 0)
    throw new Fault(
      "USAGE",
      `Cannot print a completion${name === undefined ? "" : ` for "${args.join(" ")}"`}: name one shell of ${SHELLS.join(", ")}`,
    );
  io.stdout.write(completionScript(shell));
  return 0;
}

/** The completion script of a shell, made from the table of commands. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell](completionTable(COMMANDS, GLOBAL_FLAGS));
}
