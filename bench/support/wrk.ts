import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cpuMs, type ServerUnderLoad } from "./server.ts";

export interface Load {
  readonly connections: number;
  readonly seconds: number;
  readonly path: string;
  /** A script of wrk that makes the requests; else GETs. */
  readonly script?: string;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** Processor time of the server for one request. */
  readonly cpuUs: number;
}

const IN_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** Loads a server by wrk(1). Answers that are no success make the run worthless, so they throw. */
export async function runWrk(server: ServerUnderLoad, load: Load): Promise<LoadResult> {
  const { connections, seconds, path, script } = load;
  const by = script === undefined ? [] : ["-s", new URL(script, import.meta.url).pathname];
  const limits = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout=10s", "--latency"];
  const beforeMs = cpuMs(server.pid);
  const { stdout } = await promisify(execFile)("wrk", [
    ...limits,
    ...by,
    `${server.clientUrl}${path}`,
  ]);
  const usedMs = cpuMs(server.pid) - beforeMs;
  const rate = /Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1];
  const count = /(\d+) requests in/.exec(stdout)?.[1];
  const p99 = /^\s*99%\s+([\d.]+)(us|ms|s|m)\s*$/m.exec(stdout);
  if (rate === undefined || p99 === null || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`wrk met errors:\n${stdout}`);
  return {
    perSecond: Number(rate),
    p99Ms: Number(p99[1]) * IN_MS[p99[2] ?? "ms"]!,
    cpuUs: (usedMs * 1000) / Number(count),
  };
}
