import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { Fault, isErrno } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";

/** Runs it in the place of this program: its terminal, its exit status. */
export async function runInTerminal(argv: readonly string[], io: Io): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: "inherit" });
  const end = () => void child.kill("SIGTERM"); // the terminal's Ctrl-C reaches it without us; a kill of us does not
  io.signal.addEventListener("abort", end, { once: true });
  try {
    const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return status ?? 128 + (signal === null ? 0 : constants.signals[signal]);
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    throw new Fault(
      "SYSTEMD_MISSING",
      `Cannot run ${program}: it is not installed on this computer; install Debian's package ${PACKAGES[program] ?? program}`,
      { cause },
    );
  } finally {
    io.signal.removeEventListener("abort", end);
  }
}

const PACKAGES: Readonly<Record<string, string>> = {
  ssh: "openssh-client",
  nsenter: "util-linux",
  journalctl: "systemd",
};
