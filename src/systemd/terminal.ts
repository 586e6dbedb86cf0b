import { readFile } from "node:fs/promises";
import { type Environment, runToEnd, startProgram } from "#systemd/child.ts";
import type { Launch } from "#systemd/surroundings.ts";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * How to start the same program in a terminal of its own, which script(1) makes: what is typed comes in, and what the
 * terminal shows goes out, both as they are. The program ends when the terminal does.
 * @param type what `TERM` is to say
 */
export function inTerminal(launch: Launch, { columns, rows }: TerminalSize, type: string): Launch {
  const { args, cwd, env, program } = launch;
  const { SHELL: shell } = env;
  const words = [program, ...args].map(quoted).join(" ");
  // script(1) runs the line by $SHELL, which may be no shell in the unit's surroundings.
  const own = shell === undefined ? "unset SHELL" : `SHELL=${quoted(shell)}`;
  const line = `stty rows ${rows} columns ${columns}; ${own}; exec ${words}`;
  return {
    program: "script",
    args: ["--quiet", "--return", "--echo", "always", "--command", line, "/dev/null"],
    env: { ...env, SHELL: "/bin/sh", TERM: type },
    cwd,
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Tells the terminal of a program that was started so how large it is now; does nothing once that has ended. */
export async function resizeTerminal(
  pid: number,
  { columns, rows }: TerminalSize,
  env: Environment,
  signal: AbortSignal,
): Promise<void> {
  const device = await terminalOf(pid).catch(() => undefined);
  if (device === undefined) return;
  const args = [`--file=${device}`, "rows", String(rows), "columns", String(columns)];
  await runToEnd(await startProgram("stty", args, env, signal), signal);
}

const PTY_MAJOR = 136; // UNIX98_PTY_SLAVE_MAJOR, the kernel's devices.txt: 136 to 143
const PTYS_OF_MAJOR = 256;

/** The terminal that script(1), of this process id, has made: its child's, as proc_pid_stat(5) tells it. */
async function terminalOf(pid: number): Promise<string | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const [child] = children.split(" ");
  if (child === undefined || child === "") return undefined;
  const stat = await readFile(`/proc/${child}/stat`, "utf8");
  // Behind the name, which may hold anything: state, parent, group, session, terminal.
  const number = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4]);
  const major = (number >> 8) & 0xfff;
  const minor = (number & 0xff) | ((number >> 12) & 0xfff00);
  if (major < PTY_MAJOR) return undefined;
  return `/dev/pts/${(major - PTY_MAJOR) * PTYS_OF_MAJOR + minor}`;
}
