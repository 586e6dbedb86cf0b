import { createHash } from "node:crypto";
import * as v from "valibot";
import { Fault } from "#base/fault.ts";
import { restoreSnapshot } from "#keys/core/snapshot.ts";
import type { Store } from "#keys/core/store.ts";
import type { LogSnapshot } from "#log/core/log.ts";

const FORMAT = "keelson-backup";
const NEWLINE = 10;

/** Who the member was that the backup was taken of. */
const Origin = v.object({
  name: v.optional(v.string()),
  clusterId: v.string(),
  memberId: v.string(),
});
export type Origin = v.InferOutput<typeof Origin>;

const Head = v.object({
  format: v.literal(FORMAT),
  version: v.literal(1),
  takenAt: v.string(),
  /** How many entries of the log the state is made of. */
  entries: v.pipe(v.number(), v.integer(), v.minValue(0)),
  term: v.pipe(v.number(), v.integer(), v.minValue(1)),
  origin: v.optional(Origin),
});
const Foot = v.object({ chunks: v.number(), sha256: v.string() });

/** The whole state of a store at one moment. */
export interface Backup {
  readonly snapshot: LogSnapshot;
  readonly term: number;
  /** ISO time. */
  readonly takenAt: string;
  readonly origin: Origin | undefined;
}

/**
 * The lines of a backup file: a head, one line for each piece of the state, and a foot with a checksum over all before
 * it. A file that was cut short has no foot.
 */
export function* encodeBackup({ snapshot, term, takenAt, origin }: Backup): Generator<string> {
  const sum = createHash("sha256");
  const head = { format: FORMAT, version: 1, takenAt, entries: snapshot.index, term, origin };
  for (const line of [JSON.stringify(head), ...snapshot.chunks]) {
    sum.update(`${line}\n`);
    yield `${line}\n`;
  }
  const foot = { chunks: snapshot.chunks.length, sha256: sum.digest("hex") };
  yield `${JSON.stringify(foot)}\n`;
}

/**
 * @param source names the file in errors
 * @throws {Fault} RECORD_MALFORMED when it is no backup, is damaged or was cut short.
 */
export function parseBackup(bytes: Uint8Array, source: string): Backup {
  const lines = linesOf(bytes);
  const head = parseLine(Head, lines.at(0));
  if (head === undefined) throw malformed(source, "it is no backup that this version knows");
  const foot = parseLine(Foot, lines.length > 1 ? lines.at(-1) : undefined);
  const body = lines.slice(0, -1);
  const sum = createHash("sha256");
  for (const line of body) sum.update(line).update("\n");
  if (foot === undefined) throw malformed(source, "its end is missing");
  if (foot.chunks !== body.length - 1 || foot.sha256 !== sum.digest("hex"))
    throw malformed(source, "its checksum is wrong, so it is damaged");
  const { entries, term, takenAt, origin } = head;
  const chunks = body.slice(1).map((line) => Buffer.from(line).toString());
  return { snapshot: { index: entries, chunks }, term, takenAt, origin };
}

/**
 * The store that a backup makes.
 * @throws {Fault} RECORD_MALFORMED when it was written by a newer version.
 */
export function storeOf({ snapshot }: Backup, source: string): Store {
  try {
    return restoreSnapshot(snapshot.chunks);
  } catch (cause) {
    throw malformed(source, "this version does not understand its content", cause);
  }
}

/** The lines, without their ends; what follows the last end is none. */
function linesOf(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; ; ) {
    const end = bytes.indexOf(NEWLINE, from);
    if (end < 0) return lines;
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
}

function parseLine<Schema extends v.GenericSchema>(
  schema: Schema,
  line: Uint8Array | undefined,
): v.InferOutput<Schema> | undefined {
  if (line === undefined) return undefined;
  const text = Buffer.from(line).toString();
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : undefined;
}

function malformed(source: string, what: string, cause?: unknown): Fault {
  return new Fault("RECORD_MALFORMED", `Cannot use the backup ${source}: ${what}; use another`, {
    cause,
  });
}
