import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import type { KeyNode } from "./event.ts";
import { type Done, doneOrThrow } from "./outcome.ts";
import { hashState, restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { Store } from "./store.ts";
import { encodeEvent } from "./wire.ts";

const NOW_MS = 1e12;
const DEEP = 20_000;
const WIDE = 200_000;

function apply(store: Store, command: Parameters<Store["apply"]>[0]): Done {
  return doneOrThrow(store.apply(command) ?? assert.fail("no outcome"));
}

function set(store: Store, key: string): void {
  apply(store, { op: "set", key, value: "1", dir: false, timeMs: NOW_MS });
}

function hashOf(store: Store): string {
  return hashState(store, (texts) => {
    const hash = createHash("sha256");
    for (const text of texts) hash.update(text);
    return hash.digest("hex");
  });
}

function countOf(root: KeyNode): number {
  let count = 0;
  const stack = [root];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    count += 1;
    for (const child of at.nodes ?? []) stack.push(child);
  }
  return count;
}

/** All that is done with a whole tree; it has `count` nodes below `key`. */
function exercise(store: Store, key: string, count: number): void {
  const restored = restoreSnapshot(takeSnapshot(store));
  assert.equal(hashOf(restored), hashOf(store));
  const get = { op: "get", key, recursive: true, sorted: true, timeMs: NOW_MS } as const;
  const { node } = apply(restored, get).event;
  assert.equal(countOf(node), count + 1);
  let told = 0;
  restored.watchAll({ key, recursive: true }, undefined, () => (told += 1));
  apply(restored, { op: "delete", key, dir: true, recursive: true, timeMs: NOW_MS });
  assert.equal(told, 1);
  assert.equal([...restored.parts.tree.snapshot()].length, 0);
}

test(`a tree ${DEEP} levels deep is kept, read, saved and removed`, () => {
  const store = new Store();
  set(store, `${"/a".repeat(DEEP / 2)}/b`); // in two steps: from the middle of a tree too
  set(store, "/a".repeat(DEEP));
  exercise(store, "/a", DEEP);
});

test(`a directory of ${WIDE} is kept, read, saved and removed`, () => {
  const store = new Store();
  for (let at = 0; at < WIDE; at += 1) set(store, `/d/${at}`);
  exercise(store, "/d", WIDE);
});

test("encodeEvent() of any tree is JSON of it", () => {
  const { node } = fc.letrec<{ node: KeyNode }>((tie) => ({
    node: fc
      .record({
        key: fc.constantFrom("", "/a", "/a/<b>"),
        value: fc.option(fc.string(), { nil: undefined }),
        ttl: fc.option(fc.nat(), { nil: undefined }),
        nodes: fc.option(fc.array(tie("node"), { minLength: 1, maxLength: 3 }), {
          nil: undefined,
          depthSize: "medium",
        }),
        modifiedIndex: fc.nat({ max: 2 }),
        createdIndex: fc.nat({ max: 2 }),
      })
      .map(({ value, ttl, nodes, ...rest }) => ({
        ...rest,
        ...(nodes ? { dir: true as const, nodes } : { value: value ?? "" }),
        ...(ttl === undefined ? {} : { ttl }),
      })),
  }));
  fc.assert(
    fc.property(node, (tree) => {
      const read = JSON.parse(encodeEvent({ action: "get", node: tree }), (name, value) =>
        Array.isArray(value) || typeof value !== "object" || name === ""
          ? value
          : { key: "", modifiedIndex: 0, createdIndex: 0, ...value },
      );
      assert.deepEqual(withDefaults(read.node), withDefaults(tree));
    }),
  );
});

/** The wire leaves out a root's key and indices of 0. */
function withDefaults(node: KeyNode): object {
  const { nodes, ...rest } = node;
  const defaults = { key: "", modifiedIndex: 0, createdIndex: 0 };
  return { ...defaults, ...rest, ...(nodes ? { nodes: nodes.map(withDefaults) } : {}) };
}

test("encodeEvent() takes a time that grows with the answer, however deep it is", () => {
  const depth = 200_000;
  let node: KeyNode = { key: "/a", value: "1", modifiedIndex: 4, createdIndex: 4 };
  for (let at = 0; at < depth; at += 1)
    node = { key: "/a", dir: true, nodes: [node], modifiedIndex: 4, createdIndex: 4 };
  const text = encodeEvent({ action: "get", node });
  assert.equal(text.split('"nodes":[').length, depth + 1);
});

test("an answer that is longer than a string can be is refused", () => {
  const leaf = { key: "/d/a", value: "v".repeat(50_000_000), modifiedIndex: 4, createdIndex: 4 };
  const nodes = Array.from({ length: 12 }, () => leaf);
  const node = { key: "/d", dir: true as const, nodes, modifiedIndex: 4, createdIndex: 4 };
  assert.throws(() => encodeEvent({ action: "get", node }), /longer than 500000000 characters/);
});

test("a snapshot is made of short chunks, however long the values and their history", () => {
  const store = new Store();
  const value = "v".repeat(300_000);
  for (let at = 0; at < 1000; at += 1)
    apply(store, { op: "set", key: `/${at % 20}`, value, dir: false, timeMs: NOW_MS });
  let count = 0;
  for (const chunk of takeSnapshot(store)) {
    assert.ok(chunk.length < 3_000_000, String(chunk.length));
    count += 1;
  }
  assert.ok(count > 100, String(count));
});
