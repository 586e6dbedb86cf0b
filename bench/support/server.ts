import { readFileSync } from "node:fs";

/** A server under load, in a process of its own. */
export interface ServerUnderLoad {
  readonly clientUrl: string;
  readonly pid: number;
}

/** What proc_pid_stat(5) counts in. */
const TICK_MS = 10;

/** Processor time that a process has used, with its threads. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Memory that a process holds. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
