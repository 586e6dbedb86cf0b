import * as v from "valibot";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { type Parsed, readJson } from "./records.ts";

/** The machine that alone may run a unit that asks for at most one copy; the index of its key is the fencing token. */
export interface OnceHolder {
  readonly machine: MachineId;
}

const Wire = v.object({
  machine: v.pipe(v.string(), v.check(isMachineId, "expected a machine id")),
});

export function readOnceHolder(json: string): Parsed<OnceHolder> {
  return readJson(Wire, json, ({ machine }) => ({ machine: machine as MachineId }));
}
