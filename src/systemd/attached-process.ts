import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Launch } from "#systemd/surroundings.ts";

/** How a program ended: by itself with this status, or by a signal. */
export interface ProcessEnd {
  readonly status: number;
  readonly signal: string | undefined;
}

/** What was asked to end may take so long about it, then it is killed. */
const GRACE_MS = 2_000;

/** A program with its own process group, which ends with it. */
export interface AttachedProcess extends AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when the program has ended and everything that it printed was read. */
  readonly ended: Promise<ProcessEnd>;
  /** Sends a signal to all processes of the group that are left. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program with streams to and from it. Disposing of it ends its whole process group: by SIGTERM, and what is left
 * after 2 s by SIGKILL.
 * @throws {Fault} SYSTEMD_MISSING when the program that starts it is not there, with the facts `program` and `code`, the
 *   kernel's error
 */
export async function startAttached(launch: Launch, signal: AbortSignal): Promise<AttachedProcess> {
  signal.throwIfAborted();
  const { program, args, env, cwd } = launch;
  const child = spawn(program, args, { env, cwd, detached: true, stdio: "pipe" });
  child.stdin.on("error", () => {}); // a program need not read
  const ended = once(child, "close").then(
    ([status, by]): ProcessEnd => ({
      status: (status as number | null) ?? 0,
      signal: (by as string | null) ?? undefined,
    }),
  );
  ended.catch(() => {}); // a start that fails is told below
  try {
    await once(child, "spawn");
  } catch (cause) {
    const { code = "" } = cause as NodeJS.ErrnoException;
    throw new Fault("SYSTEMD_MISSING", `Cannot run ${program}: ${reasonOf(cause)}`, {
      cause,
      facts: { program, code },
    });
  }
  const kill = (how: NodeJS.Signals) => signalGroup(child.pid!, how);
  return {
    child,
    ended,
    kill,
    [Symbol.asyncDispose]: async () => {
      kill("SIGTERM");
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
      const timer = new AbortController();
      const late = sleep(GRACE_MS, undefined, { signal: timer.signal }).then(
        () => kill("SIGKILL"),
        () => {},
      );
      await ended;
      timer.abort();
      await late;
      kill("SIGKILL"); // whatever it left behind
    },
  };
}

function signalGroup(pid: number, how: NodeJS.Signals): void {
  try {
    process.kill(-pid, how);
  } catch {
    // The group is gone.
  }
}
