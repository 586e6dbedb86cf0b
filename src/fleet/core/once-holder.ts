import * as v from "valibot";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { type Parsed, readJson } from "./records.ts";

/** The machine that alone may run a unit that asks for at most one copy; the index of its key is the fencing token. */
export interface OnceHolder {
  readonly machine: MachineId;
  /** How long stopping the copy may take there, in milliseconds; undefined when it has no bound. */
  readonly stopMs?: number | undefined;
  /** The run that it was taken for, and of which text; absent in what older programs wrote. */
  readonly run?: { readonly generation: number; readonly hash: string } | undefined;
}

const Wire = v.object({
  machine: v.pipe(v.string(), v.check(isMachineId, "expected a machine id")),
  stopMs: v.nullish(v.pipe(v.number(), v.minValue(0))),
  run: v.nullish(v.object({ generation: v.number(), hash: v.string() })),
});

export function readOnceHolder(json: string): Parsed<OnceHolder> {
  return readJson(Wire, json, ({ machine, stopMs, run }) => ({
    machine: machine as MachineId,
    ...(typeof stopMs === "number" && { stopMs }),
    ...(run && { run }),
  }));
}

export function writeOnceHolder({ machine, stopMs, run }: OnceHolder): string {
  return JSON.stringify({ machine, ...(Number.isFinite(stopMs) && { stopMs }), run });
}
