import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { Fault, isErrno } from "#base/fault.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type Child = ChildProcessByStdio<null, Readable, Readable>;

/** What a program printed, and its exit status. */
export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitStatus: number;
}

/**
 * Starts one of systemd's own programs and waits until it runs.
 * @throws {Fault} SYSTEMD_MISSING when it is not installed
 */
export async function startProgram(
  program: string,
  args: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<Child> {
  signal.throwIfAborted();
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    await once(child, "spawn");
  } catch (cause) {
    if (!isErrno(cause, "ENOENT")) throw cause;
    throw new Fault(
      "SYSTEMD_MISSING",
      `Cannot run ${program}: it is not installed; install systemd`,
      {
        cause,
      },
    );
  }
  return child;
}

/** Lets the child print to its end; ends it when the signal aborts. It is gone when this settles. */
export async function runToEnd(child: Child, signal: AbortSignal): Promise<Ended> {
  const abort = () => child.kill();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  const closed = once(child, "close");
  try {
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    signal.throwIfAborted();
    return { stdout, stderr, exitStatus: child.exitCode ?? 1 };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
