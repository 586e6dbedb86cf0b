import { userInfo } from "node:os";
import { Fault } from "#base/fault.ts";
import { type AttachedProcess, startAttached } from "#systemd/attached-process.ts";
import type { Environment } from "#systemd/child.ts";
import { asLogin, besides, findAccount, type Launch } from "#systemd/surroundings.ts";
import { inTerminal, resizeTerminal } from "#systemd/terminal.ts";
import { findUnitProcess } from "#systemd/unit-process.ts";
import type { ExecRequest, ExecSize } from "./core/exec-frames.ts";

/** Runs programs on this machine for whoever asks the API. */
export interface MachineConsole {
  /**
   * Starts a program beside a unit's processes, seeing what they see, or on the machine as a user who logs in.
   * @throws {Fault} UNIT_NOT_RUNNING, USAGE for a user that is none, SYSTEMD_MISSING without the tools for it
   */
  start(
    unit: string | undefined,
    request: ExecRequest,
    signal: AbortSignal,
  ): Promise<AttachedProcess>;
  /** Makes the terminal of a program that was started in one another size. */
  resize(program: AttachedProcess, size: ExecSize, signal: AbortSignal): Promise<void>;
}

export function openMachineConsole(options: {
  readonly scope: "system" | "user";
  readonly env: Environment;
}): MachineConsole {
  const { env } = options;
  return {
    resize: (program, size, signal) => resizeTerminal(program.child.pid!, size, env, signal),
    async start(unit, { command, terminal, user }, signal) {
      const launched = (launch: Launch) =>
        startAttached(terminal ? inTerminal(launch, terminal, terminal.type) : launch, signal);
      const account = user === undefined ? undefined : await findAccount(user, env, signal);
      if (unit === undefined) {
        const me = account ?? (await findAccount(String(userInfo().uid), env, signal));
        return launched(asLogin(command, me, env));
      }
      const { pid } = await findUnitProcess(unit, options, signal);
      if (pid === undefined)
        throw new Fault(
          "UNIT_NOT_RUNNING",
          `Cannot run a command in ${unit}: it runs no process there; start it, or use --machine for its machine`,
        );
      return launched(await besides(pid, command, account));
    },
  };
}
