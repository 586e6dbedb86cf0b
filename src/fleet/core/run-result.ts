import * as v from "valibot";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { type Parsed, readJson } from "./records.ts";

/** How a run of a service ended, as its agent notes it. */
export interface RunResult {
  /** Of the file that ran. */
  readonly hash: string;
  /** Which run it was, see `generationOf`. */
  readonly generation: number;
  readonly machine: MachineId;
  /** `unknown`: its machine was lost, and it asked never to run twice. */
  readonly result: "success" | "failed" | "unknown";
  /** systemd's word for it, such as `exit-code` or `timeout`, or why it never began. */
  readonly detail: string | undefined;
  readonly exitStatus: number | undefined;
  /** The number of the signal that ended it. */
  readonly signal: number | undefined;
  /** By the machine's wall clock, in UTC as ISO 8601 gives it; undefined when nobody saw it. */
  readonly began: string | undefined;
  readonly ended: string | undefined;
}

const Wire = v.object({
  hash: v.string(),
  generation: v.pipe(v.number(), v.integer()),
  machine: v.pipe(v.string(), v.check(isMachineId, "expected a machine id")),
  result: v.picklist(["success", "failed", "unknown"]),
  detail: v.optional(v.string()),
  exitStatus: v.optional(v.number()),
  signal: v.optional(v.number()),
  began: v.optional(v.string()),
  ended: v.optional(v.string()),
});

export function readRunResult(json: string): Parsed<RunResult> {
  return readJson(Wire, json, (wire) => ({
    hash: wire.hash,
    generation: wire.generation,
    machine: wire.machine as MachineId,
    result: wire.result,
    detail: wire.detail,
    exitStatus: wire.exitStatus,
    signal: wire.signal,
    began: wire.began,
    ended: wire.ended,
  }));
}

export function writeRunResult(result: RunResult): string {
  return JSON.stringify(result);
}

/** For people: `success`, `failed (exit status 3)`, `failed (signal 9)`, `failed (dependency)`. */
export function describeResult(
  result: Pick<RunResult, "result" | "detail" | "exitStatus" | "signal">,
): string {
  if (result.result !== "failed") return result.result;
  const { exitStatus, signal, detail } = result;
  if (exitStatus !== undefined && exitStatus !== 0) return `failed (exit status ${exitStatus})`;
  if (signal !== undefined) return `failed (signal ${signal})`;
  return detail === undefined ? "failed" : `failed (${detail})`;
}
