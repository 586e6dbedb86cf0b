import { crc32 } from "node:zlib";
import { backoffMs } from "#base/backoff.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { packChunks } from "#log/core/etcd-batch.ts";
import { type EtcdOrder, encodePointer, type Pointer } from "#log/core/etcd-order.ts";
import { type KeyRange, rangesOf, trimmedRanges } from "#log/core/etcd-trim.ts";
import type { LogSnapshot } from "#log/core/log.ts";
import { type EtcdCompare, EtcdError, prefixEnd } from "#log/etcd-client.ts";
import { type EtcdContext, RETRY } from "#log/etcd-context.ts";
import { isCompacted, listKeys } from "#log/etcd-listing.ts";

/** Attempts at one step of a snapshot; about 20 s. */
const ATTEMPTS = 25;

/**
 * Saves a snapshot, unless another server saves one meanwhile: in either case there will be a newer pointer. Nothing is
 * dropped by this. False, when there is one at that index already.
 * @throws {Fault} LOG_IO when etcd does not take it; what was there before is still there.
 */
export async function saveSnapshot(
  context: EtcdContext,
  order: EtcdOrder,
  { index, chunks }: { index: number; chunks: Iterable<string> },
  signal: AbortSignal,
): Promise<boolean> {
  const from = order.place(index);
  if (from === undefined || index <= (order.pointer?.index ?? 0)) return false;
  // Taken now: once another pointer is put, what follows may be dropped as left over.
  const compare = unmoved(context, order.pointerRevision);
  try {
    const pointer = await putChunks(context, { index, from }, chunks, signal);
    await putPointer(context, pointer, compare, signal);
    return true;
  } catch (cause) {
    if (!(cause instanceof EtcdError)) throw cause;
    throw new Fault(
      "LOG_IO",
      `Cannot save a snapshot in etcd: ${reasonOf(cause)}; the older one stays`,
      {
        cause,
      },
    );
  }
}

/**
 * Gives an empty log its first snapshot: one server's only, and only if nothing was appended.
 * @throws {EtcdError}
 */
export async function seedLog(
  context: EtcdContext,
  { index, chunks }: LogSnapshot,
  signal: AbortSignal,
): Promise<void> {
  const { names, client } = context;
  const range = { key: names.log, end: prefixEnd(names.log) };
  const { kvs } = await client.range({ ...range, limit: 1, keysOnly: true }, { signal });
  if (kvs.length > 0) return;
  const place = { index, from: { revision: 0, skip: 0 } };
  const pointer = await putChunks(context, place, chunks, signal);
  const compare: EtcdCompare = { ...range, target: "createRevision", result: "equal", revision: 0 };
  await putPointer(context, pointer, compare, signal);
}

/**
 * Drops what the newest snapshot made needless, and what earlier ones left behind: entries, chunks, and history of etcd
 * from before `before`, the revision of the pointer before. So slower servers have the time between two snapshots to
 * read what is dropped.
 * @throws {EtcdError}
 */
export async function dropNeedless(
  context: EtcdContext,
  order: EtcdOrder,
  before: number,
  signal: AbortSignal,
): Promise<void> {
  const { names, limits, client } = context;
  const { pointer, pointerRevision } = order;
  if (pointer === undefined) return;
  const listed = await listKeys(context, names.log, { keysOnly: true, signal });
  await drop(
    context,
    trimmedRanges(names, listed.kvs, pointer.from.revision, limits.trimKeys),
    signal,
  );
  const chunks = await listKeys(context, names.chunks, { keysOnly: true, signal });
  // Newer ones may belong to a snapshot that is being saved right now.
  const isLeftOver = ({ key, modRevision }: { key: string; modRevision: number }) =>
    names.snapshotOf(key) !== pointer.id && modRevision < pointerRevision;
  const groupOf = (key: string) => names.snapshotOf(key);
  await drop(context, rangesOf(chunks.kvs, isLeftOver, groupOf, limits.trimKeys), signal);
  if (before === 0) return;
  await client.compact(before, { signal }).catch((error: unknown) => {
    if (!isCompacted(error)) throw error; // it was before
  });
}

async function drop(
  { client }: EtcdContext,
  ranges: readonly KeyRange[],
  signal: AbortSignal,
): Promise<void> {
  for (const range of ranges) await client.deleteRange(range, { signal });
}

async function putChunks(
  context: EtcdContext,
  place: Pick<Pointer, "index" | "from">,
  chunks: Iterable<string>,
  signal: AbortSignal,
): Promise<Pointer> {
  const { client, names, limits, random } = context;
  const id = `${place.index.toString(36)}-${Math.floor(random() * 2 ** 48).toString(36)}`;
  let values = 0;
  let crc = 0;
  for (const value of packChunks(chunks, limits.valueBytes / 2)) {
    const key = names.chunk(id, values);
    await persist(context, signal, () => client.put({ key, value }, { signal }));
    crc = crc32(value, crc);
    values += 1;
  }
  return { id, ...place, values, crc };
}

/** Unless `compare` fails: then another server was first, and the chunks are left over. */
async function putPointer(
  context: EtcdContext,
  pointer: Pointer,
  compare: EtcdCompare,
  signal: AbortSignal,
): Promise<void> {
  const { client, names } = context;
  const put = { op: "put", key: names.snapshot, value: encodePointer(pointer) } as const;
  // Put twice it is refused: `compare` fails from the first time on.
  await persist(context, signal, () =>
    client.txn({ compare: [compare], success: [put] }, { signal }),
  );
}

function unmoved({ names }: EtcdContext, pointerRevision: number): EtcdCompare {
  const { snapshot: key } = names;
  return { key, target: "modRevision", result: "equal", revision: pointerRevision };
}

/** Asks until etcd answers. */
async function persist(
  { clock, random }: EtcdContext,
  signal: AbortSignal,
  ask: () => Promise<unknown>,
): Promise<void> {
  for (let failures = 0; ; failures++)
    try {
      await ask();
      return;
    } catch (error) {
      const isPassing = error instanceof EtcdError && error.mayHaveHappened;
      if (!isPassing || failures >= ATTEMPTS) throw error;
      await clock.sleep(backoffMs(failures, RETRY, random), signal);
    }
}
