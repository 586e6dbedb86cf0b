import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

export interface ProgramEnd {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LC_ALL: "C", // what they print is read
};

/**
 * Runs a program of this computer to its end, which nothing cuts short: a user half made would be worse than a wait.
 * @param input what it reads from its standard input.
 * @throws {Fault} MACHINE_REFUSED when it is not installed or is killed
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  input = "",
): Promise<ProgramEnd> {
  const child = spawn(program, args, { env: ENVIRONMENT, cwd: "/" });
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  try {
    const [stdout, stderr, [status, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    if (typeof status !== "number") throw new Error(`it was ended by ${signal}`);
    return { status, stdout, stderr };
  } catch (cause) {
    const reason = isErrno(cause, "ENOENT") ? "it is not installed" : reasonOf(cause);
    throw new Fault("MACHINE_REFUSED", `Cannot run ${program}: ${reason}`, { cause });
  }
}

/** The same; a status other than 0 is a fault. @param action for the error: `Cannot ACTION: …` */
export async function mustRun(
  action: string,
  program: string,
  args: readonly string[],
  input = "",
): Promise<ProgramEnd> {
  const end = await runProgram(program, args, input);
  if (end.status === 0) return end;
  const said = end.stderr.trim() || end.stdout.trim() || `it ended with status ${end.status}`;
  throw new Fault(
    "MACHINE_REFUSED",
    `Cannot ${action}: ${said.startsWith(`${program}:`) ? "" : `${program}: `}${said}`,
  );
}
