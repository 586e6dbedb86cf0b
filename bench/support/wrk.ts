import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface LoadResult {
  readonly perSecond: number;
  readonly p99Ms: number;
}

const IN_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** Loads a URL with 64 connections by wrk(1). Answers that are no success make the run worthless, so they throw. */
export async function runWrk(
  url: string,
  seconds: number,
  scriptPath?: string,
): Promise<LoadResult> {
  const script = scriptPath === undefined ? [] : ["-s", scriptPath];
  const args = ["-t1", "-c64", `-d${seconds}s`, "--latency", ...script, url];
  const { stdout } = await promisify(execFile)("wrk", args);
  const rate = /Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1];
  const p99 = /^\s*99%\s+([\d.]+)(us|ms|s|m)$/m.exec(stdout);
  if (rate === undefined || p99 === null || /Non-2xx|Socket errors/.test(stdout))
    throw new Error(`wrk met errors:\n${stdout}`);
  return { perSecond: Number(rate), p99Ms: Number(p99[1]) * IN_MS[p99[2] ?? "ms"]! };
}
