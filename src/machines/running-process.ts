import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { isErrno } from "#base/fault.ts";

/** A process told apart from any later one with the same number, also after a reboot. */
export interface RunningProcess {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks since boot. */
  readonly startTicks: string;
  readonly bootId: string;
}

/** What identifies the process that has this number now; undefined when there is none. */
export async function identify(pid: number): Promise<RunningProcess | undefined> {
  try {
    const [stat, bootId] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    ]);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // the name may hold blanks
    if (fields[0] === "Z") return undefined;
    return { pid, startTicks: fields[19] ?? "", bootId: bootId.trim() };
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** Whether that very process still runs. */
export async function isAlive(process: RunningProcess): Promise<boolean> {
  const now = await identify(process.pid);
  return (
    now !== undefined && now.startTicks === process.startTicks && now.bootId === process.bootId
  );
}

const Stored = v.object({ pid: v.number(), startTicks: v.string(), bootId: v.string() });

/** The process that a file remembers (its JSON); undefined when there is no such file or it says nothing sensible. */
export async function readRunningProcess(path: string): Promise<RunningProcess | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  });
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Stored), text);
  return result.success ? result.output : undefined;
}
