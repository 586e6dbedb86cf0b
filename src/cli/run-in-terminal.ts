import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { Fault, isErrno } from "#base/fault.ts";
import { ShutdownRequested } from "#base/shutdown.ts";
import type { Io } from "#cli/program.ts";

/**
 * Runs it in the place of this program: its terminal, its exit status. A Ctrl-C is the program's own affair, as often as
 * it is typed: the terminal sends it there too.
 */
export async function runInTerminal(argv: readonly string[], io: Io): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: "inherit" });
  const end = () => {
    const { reason } = io.signal as { reason: unknown };
    if (!(reason instanceof ShutdownRequested && reason.by === "SIGINT")) child.kill("SIGTERM");
  };
  const ignore = () => {};
  process.on("SIGINT", ignore); // else the second one would end us before it
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
    process.off("SIGINT", ignore);
  }
}

const PACKAGES: Readonly<Record<string, string>> = {
  ssh: "openssh-client",
  nsenter: "util-linux",
  journalctl: "systemd",
};
