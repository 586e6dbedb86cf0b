import * as v from "valibot";
import { parseJson } from "./json-members.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { readJson } from "./records.ts";

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
  const read = readJson(
    Operations,
    text,
    (operations) => operations,
    (json) => parseJson(json, ["op", "path", "value"]),
  );
  if ("problem" in read) return read.problem;
  const changes: MetadataChange[] = [];
  for (const { op, path, value } of read.value) {
    if (op !== "add" && op !== "remove" && op !== "replace")
      return "invalid op: expect add, remove, or replace";
    const [, machine = "", name = ""] = PATH.exec(path) ?? [];
    if (name === "" || name === "." || name === "..") return "machine metadata path invalid";
    // The store keeps such keys out of what it lists and tells.
    if (name.startsWith("_")) return `metadata key ${name} begins with _; use another name`;
    if (!isMachineId(machine)) return `${machine} is no machine id`;
    const plain = typeof value === "object" ? value?.value : value;
    if (op !== "remove" && !plain) return "invalid value: add and replace require a value";
    changes.push({ machine, name, value: op === "remove" ? "" : (plain ?? "") });
  }
  return changes;
}
