import { Children, type Sibling } from "#keys/core/children.ts";
import { ExpiryHeap } from "#keys/core/expiry-heap.ts";
import { parentKey } from "#keys/core/key-path.ts";

/** A key, or a directory when it has `children`. */
export interface StoreNode extends Sibling<StoreNode> {
  /** Clean; empty for the root. */
  readonly key: string;
  readonly createdIndex: number;
  modifiedIndex: number;
  value: string;
  /** In the order of creation, which is the same on every server. */
  readonly children: Children<StoreNode> | undefined;
  expiresMs: number | undefined;
  heapAt: number;
  /** The number of the newest snapshot that has this node's state, or need not have it. */
  snapshot: number;
}

/** One node in a snapshot: key, createdIndex, modifiedIndex, expiresMs or 0, value or null for a directory. */
export type NodeRecord = readonly [
  key: string,
  createdIndex: number,
  modifiedIndex: number,
  expiresMs: number,
  value: string | null,
];

/** Why a walk to a key stopped, and where. */
export interface Miss {
  readonly code: 100 | 104;
  readonly key: string;
}

/** The tree of keys: finding, adding, changing, removing; nothing here knows of commands, indices or watchers. */
export class Tree {
  readonly root: StoreNode = newNode("", 0, undefined);
  readonly expiry: ExpiryHeap<StoreNode> = new ExpiryHeap();
  readonly #byKey = new Map<string, StoreNode>([["", this.root]]);
  #snapshot = 0;
  /** While a snapshot is being read: nodes as they were, of those changed before it came to them. */
  #saved: NodeRecord[] | undefined;

  find(key: string): StoreNode | undefined {
    return this.#byKey.get(key);
  }

  /** Why `key`, which is not there, could not be reached: the first part missing, or a file in the way. */
  missAt(key: string): Miss {
    let missing = key;
    for (let above = parentKey(key); ; missing = above, above = parentKey(above)) {
      const node = this.#byKey.get(above);
      if (node !== undefined)
        return node.children ? { code: 100, key: missing } : { code: 104, key: above };
    }
  }

  /**
   * Adds a node, and the directories above it that are missing, all created at `index`.
   * `key` is free and no file is in the way; `value` is undefined for a directory.
   */
  add(
    key: string,
    index: number,
    value: string | undefined,
    expiresMs: number | undefined,
  ): StoreNode {
    const above = parentKey(key);
    const parent = this.#byKey.get(above) ?? this.#addDirectories(above, index);
    const node = this.#addTo(parent, key, index, value);
    if (expiresMs !== undefined) this.expiry.set(node, expiresMs);
    return node;
  }

  /** Adds a directory and those above it that are missing. A loop: a key has as many parts as a request has room for. */
  #addDirectories(key: string, index: number): StoreNode {
    const missing: string[] = [];
    let at = key;
    let node = this.#byKey.get(at);
    for (; node === undefined; node = this.#byKey.get(at)) {
      missing.push(at);
      at = parentKey(at);
    }
    for (const below of missing.reverse()) node = this.#addTo(node, below, index, undefined);
    return node;
  }

  #addTo(parent: StoreNode, key: string, index: number, value: string | undefined): StoreNode {
    const node = newNode(key, index, value);
    node.snapshot = this.#snapshot;
    this.#byKey.set(key, node);
    parent.children?.add(node);
    return node;
  }

  /** Changes a key's value; a directory has none and keeps its modifiedIndex, as in etcd. */
  write(node: StoreNode, value: string, index: number): void {
    if (node.children) return;
    this.#save(node);
    node.value = value;
    node.modifiedIndex = index;
  }

  setExpiry(node: StoreNode, expiresMs: number | undefined): void {
    if (node.expiresMs === expiresMs) return;
    this.#save(node);
    this.expiry.set(node, expiresMs);
  }

  /** Removes a node, which is not the root, with all below; returns the keys that went, without its own. */
  remove(node: StoreNode): string[] {
    const below: string[] = [];
    this.#byKey.get(parentKey(node.key))?.children?.remove(node);
    this.#forget(node);
    const stack = [node];
    for (let at = stack.pop(); at !== undefined; at = stack.pop())
      for (const child of at.children ?? []) {
        this.#forget(child);
        below.push(child.key);
        stack.push(child);
      }
    return below;
  }

  /** Puts a key in the place of one with the same name, created anew at `index`. */
  replace(
    node: StoreNode,
    index: number,
    value: string | undefined,
    expiresMs: number | undefined,
  ): StoreNode {
    this.#byKey.get(parentKey(node.key))?.children?.remove(node);
    this.#save(node);
    this.expiry.remove(node);
    return this.add(node.key, index, value, expiresMs);
  }

  #forget(node: StoreNode): void {
    this.#save(node);
    this.#byKey.delete(node.key);
    this.expiry.remove(node);
  }

  #save(node: StoreNode): void {
    if (this.#saved === undefined || node.snapshot === this.#snapshot) return;
    node.snapshot = this.#snapshot;
    this.#saved.push(recordOf(node));
  }

  /**
   * All nodes but the root as they are at this moment, in no order, read while changes go on.
   * A newer snapshot ends an older one that is still being read.
   */
  snapshot(): Generator<NodeRecord, void> {
    this.#snapshot += 1;
    this.#saved = [];
    return this.#readSnapshot(this.#saved);
  }

  *#readSnapshot(saved: NodeRecord[]): Generator<NodeRecord, void> {
    try {
      const stack = [this.root];
      for (let at = stack.pop(); at !== undefined; at = stack.pop())
        for (const child of at.children?.list() ?? []) {
          if (child.children) stack.push(child);
          if (child.snapshot === this.#snapshot) continue;
          child.snapshot = this.#snapshot;
          yield recordOf(child);
          if (this.#saved !== saved) throw new Error("a newer snapshot has begun");
        }
      yield* saved;
    } finally {
      if (this.#saved === saved) this.#saved = undefined;
    }
  }

  /** Fills an empty tree from the records of a snapshot, in any order. */
  restore(records: readonly NodeRecord[]): void {
    // By creation: that is the order of children; a directory and what was created with it, the directory first.
    const ordered = records.toSorted((a, b) => a[1] - b[1] || a[0].length - b[0].length);
    for (const [key, created, modified, expiresMs, value] of ordered) {
      const node = this.add(key, created, value ?? undefined, expiresMs || undefined);
      node.modifiedIndex = modified;
    }
  }
}

function newNode(key: string, index: number, value: string | undefined): StoreNode {
  return {
    key,
    createdIndex: index,
    modifiedIndex: index,
    value: value ?? "",
    children: value === undefined ? new Children() : undefined,
    before: undefined,
    after: undefined,
    expiresMs: undefined,
    heapAt: -1,
    snapshot: 0,
  };
}

function recordOf(node: StoreNode): NodeRecord {
  const value = node.children ? null : node.value;
  return [node.key, node.createdIndex, node.modifiedIndex, node.expiresMs ?? 0, value];
}
