import { AuthRecords } from "#keys/core/auth-records.ts";
import type { KeyEvent, KeyNode } from "#keys/core/event.ts";
import { History } from "#keys/core/history.ts";
import { Store } from "#keys/core/store.ts";
import type { StoreStats } from "#keys/core/store-stats.ts";
import { type NodeRecord, Tree } from "#keys/core/tree.ts";

/** The first chunk of a snapshot; arrays of events follow, then arrays of node records. */
interface Header {
  readonly version: 1 | 2 | 3;
  readonly index: number;
  readonly historyStart: number;
  /** Events in the chunks that follow. Versions before 3 have them here, as `history`. */
  readonly historyLength?: number;
  readonly history?: readonly (KeyEvent | null)[];
  readonly stats: StoreStats;
  /** Absent from version 1. */
  readonly auth?: readonly NodeRecord[];
}

/** Enough for few chunks, few enough to write one without a pause that is felt. */
const ITEMS_PER_CHUNK = 500;
/** Keys and values in a chunk, by which it is ended early: no chunk may grow longer than a string can be. */
const CHUNK_LENGTH = 1 << 20;

/**
 * The store as it is at this moment, as JSON texts that are made one by one while the store goes on changing.
 * A newer snapshot of the same store makes an older one fail.
 */
export function takeSnapshot(store: Store): Iterable<string> {
  const { tree, ...rest } = store.parts;
  const history = eventsOf(rest.history);
  const header = JSON.stringify(headerOf(rest, history.length));
  return chunksOf(header, history, tree.snapshot());
}

function headerOf(parts: Omit<Store["parts"], "tree">, historyLength: number): Header {
  const { index, history, stats, auth } = parts;
  return {
    version: 3,
    index,
    historyStart: history.start,
    historyLength,
    stats: { ...stats, getsSuccess: 0, getsFail: 0 }, // reads are each server's own
    auth: auth.records,
  };
}

function eventsOf(history: History): (KeyEvent | null)[] {
  return [...history.from(0)].map((event) => event ?? null);
}

function* chunksOf(
  header: string,
  history: readonly (KeyEvent | null)[],
  records: Iterable<NodeRecord>,
): Generator<string, void> {
  yield header;
  yield* pack(history, (event) => lengthOf(event?.node) + lengthOf(event?.prevNode));
  yield* pack(records, ([key, , , , value]) => key.length + (value?.length ?? 0));
}

function lengthOf(node: KeyNode | undefined): number {
  return node ? node.key.length + (node.value?.length ?? 0) : 0;
}

function* pack<T>(items: Iterable<T>, lengthOfItem: (item: T) => number): Generator<string, void> {
  let chunk: T[] = [];
  let length = 0;
  for (const item of items) {
    length += lengthOfItem(item);
    if (chunk.push(item) < ITEMS_PER_CHUNK && length < CHUNK_LENGTH) continue;
    yield JSON.stringify(chunk);
    chunk = [];
    length = 0;
  }
  if (chunk.length > 0) yield JSON.stringify(chunk);
}

/** @throws {RangeError} when the chunks are none that this version writes. */
export function restoreSnapshot(chunks: Iterable<string>): Store {
  let header: Header | undefined;
  let history: (KeyEvent | null)[] = [];
  const records: NodeRecord[] = [];
  for (const chunk of chunks)
    if (header === undefined) {
      header = JSON.parse(chunk) as Header;
      history = [...(header.history ?? [])];
    } else if (history.length < (header.historyLength ?? 0))
      for (const event of JSON.parse(chunk) as (KeyEvent | null)[]) history.push(event);
    else for (const record of JSON.parse(chunk) as NodeRecord[]) records.push(record);
  if (header === undefined || ![1, 2, 3].includes(header.version))
    throw new RangeError("snapshot is of no version that is known");
  const tree = new Tree();
  tree.restore(records);
  const { index, historyStart, stats } = header;
  const events = history.map((event) => event ?? undefined);
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
  const history = eventsOf(rest.history);
  return hash(stateTexts(headerOf(rest, history.length), history, tree));
}

function* stateTexts(
  header: Header,
  history: readonly (KeyEvent | null)[],
  tree: Tree,
): Generator<string, void> {
  yield JSON.stringify(header);
  for (const event of history) yield JSON.stringify(event);
  const stack = [tree.root];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { key, createdIndex, modifiedIndex, expiresMs, value } = at;
    yield JSON.stringify([key, createdIndex, modifiedIndex, expiresMs, value, !at.children]);
    for (const child of at.children ?? []) stack.push(child);
  }
}
