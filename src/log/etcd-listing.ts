import { crc32 } from "node:zlib";
import { unpackChunks } from "#log/core/etcd-batch.ts";
import { type LogPut, type Pointer, parsePointer } from "#log/core/etcd-order.ts";
import type { LogSnapshot } from "#log/core/log.ts";
import { EtcdError, type EtcdKeyValue, GRPC, prefixEnd } from "#log/etcd-client.ts";
import type { EtcdContext } from "#log/etcd-context.ts";

/** The log's range as it was at one revision. */
export interface Listing {
  readonly revision: number;
  readonly raftTerm: number;
  /** In the order of revisions. */
  readonly puts: readonly LogPut[];
  readonly pointer: Pointer | undefined;
  readonly pointerRevision: number;
}

/** Every key with `prefix`, in the order of keys, at one revision (absent: now, as most servers have it). */
export async function listKeys(
  { client, limits }: EtcdContext,
  prefix: string,
  options: {
    readonly revision?: number;
    readonly keysOnly?: boolean;
    readonly signal: AbortSignal;
  },
): Promise<{ revision: number; raftTerm: number; kvs: EtcdKeyValue[] }> {
  const { signal, keysOnly = false } = options;
  const kvs: EtcdKeyValue[] = [];
  let { revision } = options;
  let key = prefix;
  let limit = limits.pageKeys;
  for (;;) {
    const at = revision === undefined ? {} : { revision };
    const end = prefixEnd(prefix);
    const page = await client.range({ key, end, limit, keysOnly, ...at }, { signal });
    revision ??= page.header.revision;
    for (const kv of page.kvs) kvs.push(kv);
    const last = page.kvs.at(-1);
    if (!page.more || last === undefined) return { revision, raftTerm: page.header.raftTerm, kvs };
    key = `${last.key}\0`;
    const bytes = page.kvs.reduce((sum, kv) => sum + kv.value.length, 0);
    if (bytes > limits.pageBytes) limit = Math.max(1, limit >> 2);
  }
}

/** @throws {RangeError} when the pointer cannot be understood. */
export async function listLog(context: EtcdContext, signal: AbortSignal): Promise<Listing> {
  const { names } = context;
  const { revision, raftTerm, kvs } = await listKeys(context, names.log, { signal });
  const snapshot = kvs.find((kv) => kv.key === names.snapshot);
  const puts = kvs.map(({ key, value, modRevision }) => ({ key, value, revision: modRevision }));
  return {
    revision,
    raftTerm,
    puts: puts.sort((a, b) => a.revision - b.revision),
    pointer: snapshot && parsePointer(snapshot.value),
    pointerRevision: snapshot?.modRevision ?? 0,
  };
}

/**
 * The snapshot as it was at `revision`.
 * @throws {EtcdError} OUT_OF_RANGE when that revision is forgotten by now: then there is a newer snapshot.
 * @throws {RangeError} when it is damaged.
 */
export async function loadSnapshot(
  context: EtcdContext,
  { id, index, values, crc }: Pointer,
  at: { readonly revision: number; readonly signal: AbortSignal },
): Promise<LogSnapshot> {
  const { kvs } = await listKeys(context, `${context.names.chunks}${id}/`, at);
  const found = kvs.map((kv) => kv.value);
  if (found.length !== values || checksum(found) !== crc)
    throw new RangeError(`the snapshot at entry ${index} is damaged`);
  return { index, chunks: unpackChunks(found) };
}

export function checksum(values: Iterable<Uint8Array>): number {
  let crc = 0;
  for (const value of values) crc = crc32(value, crc);
  return crc;
}

export function isCompacted(error: unknown): boolean {
  return error instanceof EtcdError && error.code === GRPC.OUT_OF_RANGE;
}
