import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { type Cluster, PLAIN_EQUIPMENT } from "#machines/core/machine.ts";

const Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]+$/));
const StoredMachine = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  number: v.pipe(v.number(), v.integer(), v.minValue(1)),
  id: v.pipe(Hex, v.length(32)),
  address: v.pipe(v.string(), v.ipv4()),
  metadata: v.record(v.string(), v.string()),
  equipment: v.optional(
    v.object({
      folders: v.array(v.object({ host: v.string(), path: v.string(), readOnly: v.boolean() })),
      memoryBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      cpus: v.optional(v.pipe(v.number(), v.gtValue(0))),
      channel: v.optional(v.string()),
      internet: v.optional(v.boolean()),
      packages: v.optional(v.array(v.string())),
    }),
    PLAIN_EQUIPMENT,
  ),
  userData: v.optional(v.string()),
  booted: v.optional(v.object({ userData: v.optional(v.string()), settings: v.string() })),
});
const StoredCluster = v.object({
  version: v.literal(1),
  provider: v.optional(v.string(), "process"), // there was no other
  network: v.string(),
  idPrefix: v.pipe(Hex, v.length(6)),
  // Formerly how many, from the first.
  servers: v.optional(v.union([v.array(v.string()), v.pipe(v.number(), v.integer())]), 1),
  project: v.optional(v.string()),
  discovery: v.optional(v.string()),
  machines: v.array(StoredMachine),
});

/**
 * A cluster as a file remembers it; undefined when there is no such file.
 * @throws {Fault} FILE_UNREADABLE or RECORD_MALFORMED
 */
export async function readClusterRecord(path: string): Promise<Cluster | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  });
  if (text === undefined) return undefined;
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), StoredCluster), text);
  if (result.success) {
    const { version: _, servers, ...stored } = result.output;
    const first = () => stored.machines.slice(0, Number(servers)).map(({ name }) => name);
    return { ...stored, servers: Array.isArray(servers) ? servers : first() };
  }
  const [issue] = result.issues;
  throw new Fault(
    "RECORD_MALFORMED",
    `Cannot use ${path}: ${v.getDotPath(issue) ?? "file"}: ${issue.message}; mend it, or remove all machines with \`keelson destroy\``,
  );
}

export function formatClusterRecord(cluster: Cluster): string {
  return `${JSON.stringify({ version: 1, ...cluster }, undefined, 2)}\n`;
}
