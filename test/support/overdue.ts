import { readdir, readFile } from "node:fs/promises";

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly ageMs: number;
  /** As by ps(1): what it is, how it fares, where in the kernel its threads wait. */
  readonly line: string;
}

const TICKS_PER_SECOND = 100; // USER_HZ, proc(5)
const LOOK_EVERY_MS = 10_000;
const WORDS_SHOWN = 200; // characters, from the end: Node's own options stand before the file

/**
 * Ends test files that run longer than `limitMs`: a program that a failed test left, or one that hangs, keeps its
 * file's process waiting for ever. What ran below it is told first: it says what hung.
 */
export function watchFiles(limitMs: number): Disposable {
  const timer = setInterval(() => void endFiles(limitMs), LOOK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Ends the test files that run for `limitMs` or longer, and all that they started. */
export async function endFiles(limitMs: number): Promise<void> {
  const processes = await listProcesses();
  for (const file of processes.filter(({ parent }) => parent === process.pid)) {
    if (file.ageMs < limitMs) continue;
    const family = [file, ...descendants(file.pid, processes)];
    console.log(`This took too long and is ended:\n${family.map(tell).join("\n")}`);
    for (const { pid } of family) kill(pid);
  }
}

function descendants(pid: number, processes: readonly Process[]): Process[] {
  return processes
    .filter(({ parent }) => parent === pid)
    .flatMap((child) => [child, ...descendants(child.pid, processes)]);
}

function tell({ pid, parent, ageMs, line }: Process): string {
  return `  ${pid} (of ${parent}), ${Math.round(ageMs / 1000)} s: ${line}`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it ended meanwhile
  }
}

async function listProcesses(): Promise<Process[]> {
  const uptimeS = Number.parseFloat(await readFile("/proc/uptime", "utf8"));
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const read = pids.map((pid) => readProcess(pid, uptimeS).catch(() => undefined)); // gone
  return (await Promise.all(read)).filter((found) => found !== undefined);
}

async function readProcess(pid: number, uptimeS: number): Promise<Process> {
  const [stat, command, tasks] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/cmdline`, "utf8"),
    readdir(`/proc/${pid}/task`),
  ]);
  // proc(5): behind the name, that may hold anything, come the state (3rd), the parent (4th), the start (22nd).
  const [state = "", parent, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const waits = await Promise.all(
    tasks.map((task) => readFile(`/proc/${pid}/task/${task}/wchan`, "utf8").catch(() => "?")),
  );
  const words = command.replaceAll("\0", " ").trim().slice(-WORDS_SHOWN);
  return {
    pid,
    parent: Number(parent),
    ageMs: (uptimeS - Number(rest[17]) / TICKS_PER_SECOND) * 1000,
    line: `${state} ${words} [${waits.join(" ")}]`,
  };
}
