import { AuthRecords } from "#keys/core/auth-records.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { History } from "#keys/core/history.ts";
import { Store } from "#keys/core/store.ts";
import type { StoreStats } from "#keys/core/store-stats.ts";
import { type NodeRecord, Tree } from "#keys/core/tree.ts";

/** The first chunk of a snapshot; each other chunk is an array of node records. */
interface Header {
  readonly version: 1 | 2;
  readonly index: number;
  readonly historyStart: number;
  readonly history: readonly (KeyEvent | null)[];
  readonly stats: StoreStats;
  /** Absent from version 1. */
  readonly auth?: readonly NodeRecord[];
}

/** Enough for few chunks, few enough to write one without a pause that is felt. */
const RECORDS_PER_CHUNK = 500;
/** Keys and values in a chunk, by which it is ended early: no chunk may grow longer than a string can be. */
const CHUNK_LENGTH = 1 << 20;

/**
 * The store as it is at this moment, as JSON texts that are made one by one while the store goes on changing.
 * A newer snapshot of the same store makes an older one fail.
 */
export function takeSnapshot(store: Store): Iterable<string> {
  const { tree, ...rest } = store.parts;
  const header = JSON.stringify(headerOf(rest));
  return chunksOf(header, tree.snapshot());
}

function headerOf({ index, history, stats, auth }: Omit<Store["parts"], "tree">): Header {
  return {
    version: 2,
    index,
    historyStart: history.start,
    history: [...history.from(0)].map((event) => event ?? null),
    stats: { ...stats, getsSuccess: 0, getsFail: 0 }, // reads are each server's own
    auth: auth.records,
  };
}

function* chunksOf(header: string, records: Iterable<NodeRecord>): Generator<string, void> {
  yield header;
  let chunk: NodeRecord[] = [];
  let length = 0;
  for (const record of records) {
    const [key, , , , value] = record;
    length += key.length + (value?.length ?? 0);
    if (chunk.push(record) < RECORDS_PER_CHUNK && length < CHUNK_LENGTH) continue;
    yield JSON.stringify(chunk);
    chunk = [];
    length = 0;
  }
  yield JSON.stringify(chunk);
}

/** @throws {RangeError} when the chunks are none that this version writes. */
export function restoreSnapshot(chunks: Iterable<string>): Store {
  let header: Header | undefined;
  const records: NodeRecord[] = [];
  for (const chunk of chunks)
    if (header === undefined) header = JSON.parse(chunk) as Header;
    else for (const record of JSON.parse(chunk) as NodeRecord[]) records.push(record);
  if (header?.version !== 1 && header?.version !== 2)
    throw new RangeError("snapshot is of no version that is known");
  const tree = new Tree();
  tree.restore(records);
  const { index, historyStart, stats } = header;
  const events = header.history.map((event) => event ?? undefined);
  return new Store({
    index,
    history: new History(historyStart, events),
    stats: { ...stats },
    tree,
    auth: new AuthRecords(header.auth),
  });
}

/**
 * A hash that is equal on every server that applied the same entries: of indices, history, write counts and the tree
 * with the order of its directories.
 */
export function hashState(store: Store, hash: (texts: Iterable<string>) => string): string {
  const { tree, ...rest } = store.parts;
  return hash(stateTexts(JSON.stringify(headerOf(rest)), tree));
}

function* stateTexts(header: string, tree: Tree): Generator<string, void> {
  yield header;
  const stack = [tree.root];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { key, createdIndex, modifiedIndex, expiresMs, value } = at;
    yield JSON.stringify([key, createdIndex, modifiedIndex, expiresMs, value, !at.children]);
    for (const child of at.children ?? []) stack.push(child);
  }
}
