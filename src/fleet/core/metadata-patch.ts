import * as v from "valibot";
import { parseJson } from "./json-members.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";

/** One change of a machine's metadata; an empty value takes the key away, also one that its configuration has. */
export interface MetadataChange {
  readonly machine: MachineId;
  readonly name: string;
  readonly value: string;
}

/** The original wants the value in an object, and documents a plain text: both are read. */
const Operations = v.array(
  v.object({
    op: v.string(),
    path: v.string(),
    value: v.nullish(v.union([v.string(), v.object({ value: v.nullish(v.string()) })])),
  }),
);
const PATH = /^\/([^/]+)\/metadata\/([A-Za-z0-9_.-]+)$/;

/** Reads the body of PATCH /machines: the changes, or what is wrong with it in fleet's words. */
export function readMetadataPatch(text: string): MetadataChange[] | string {
  let parsed: unknown;
  try {
    parsed = parseJson(text, ["op", "path", "value"]);
  } catch (error) {
    return error instanceof Error ? error.message : "it is no JSON";
  }
  const result = v.safeParse(Operations, parsed);
  if (!result.success)
    return `${v.getDotPath(result.issues[0]) ?? "value"}: ${result.issues[0].message}`;
  const changes: MetadataChange[] = [];
  for (const { op, path, value } of result.output) {
    if (op !== "add" && op !== "remove" && op !== "replace")
      return "invalid op: expect add, remove, or replace";
    const [, machine = "", name = ""] = PATH.exec(path) ?? [];
    if (name === "") return "machine metadata path invalid";
    if (!isMachineId(machine)) return `${machine} is no machine id`;
    const plain = typeof value === "object" ? value?.value : value;
    if (op !== "remove" && !plain) return "invalid value: add and replace require a value";
    changes.push({ machine, name, value: op === "remove" ? "" : (plain ?? "") });
  }
  return changes;
}
