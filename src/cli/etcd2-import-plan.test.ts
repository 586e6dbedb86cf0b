import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareAfter, type Item, itemsOf, planImport } from "./etcd2-import-plan.ts";

function item(key: string, value?: string, rest: Partial<Item> = {}): Item {
  return { key, value, ttl: undefined, modifiedIndex: 9, hasChildren: false, ...rest };
}

function byKey(items: readonly Item[]): Map<string, Item> {
  return new Map(items.map((one) => [one.key, one]));
}

const plain = { keepExisting: false };

test("a listing becomes items in the order of their keys; what is ending is left out", () => {
  const indices = { modifiedIndex: 5, createdIndex: 4 };
  const node = {
    key: "/",
    dir: true as const,
    ...indices,
    nodes: [
      { key: "/b", value: "1", ttl: 7, expiration: "2026-01-01T00:00:00Z", ...indices },
      { key: "/gone", value: "1", expiration: "2026-01-01T00:00:00Z", ...indices },
      {
        key: "/a",
        dir: true as const,
        ...indices,
        nodes: [{ key: "/a/x", value: "", ...indices }],
      },
    ],
  };
  assert.deepEqual(
    itemsOf(node).map(({ key, value, ttl, hasChildren }) => [key, value, ttl, hasChildren]),
    [
      ["/a", undefined, undefined, true],
      ["/a/x", "", undefined, false],
      ["/b", "1", 7, false],
    ],
  );
});

test("only what is missing or differs is written", () => {
  const source = [
    item("/dir", undefined, { hasChildren: true }),
    item("/dir/a", "1"),
    item("/empty"),
    item("/ending", undefined, { hasChildren: true, ttl: 60 }),
    item("/ending/a", "1"),
    item("/new", "1"),
    item("/other", "1"),
    item("/same", "1", { ttl: 50 }),
    item("/shorter", "1", { ttl: 10 }),
  ];
  const target = byKey([
    item("/dir", undefined, { hasChildren: true }),
    item("/dir/a", "1"),
    item("/other", "2"),
    item("/same", "1", { ttl: 48 }),
    item("/shorter", "1", { ttl: 60 }),
    item("/extra", "1"),
  ]);
  const { steps, same, kept, conflicts } = planImport(source, target, plain);
  assert.deepEqual(
    steps.map((step) => `${step.kind} ${step.item.key}`),
    [
      "make /empty",
      "make /ending",
      "make /ending/a",
      "make /new",
      "change /other",
      "change /shorter",
    ],
  );
  assert.deepEqual([same, kept, conflicts], [3, [], []]);
  assert.deepEqual(planImport(source, target, { keepExisting: true }).kept, ["/other", "/shorter"]);
});

test("a key where the other has a directory is a conflict, and so is nothing below it", () => {
  const source = [item("/a", undefined, { hasChildren: true }), item("/a/b", "1"), item("/c", "1")];
  const target = byKey([item("/a", "key"), item("/c"), item("/c/d", "1")]);
  const plan = planImport(source, target, plain);
  assert.deepEqual(plan.steps, []);
  assert.deepEqual(
    plan.conflicts.map(({ key }) => key),
    ["/a", "/c"],
  );
  assert.deepEqual(compareAfter(source, target, { index: 9, plan }), { changed: [], wrong: [] });
});

test("at the end, what the source changed meanwhile is told from what went wrong", () => {
  const source = [item("/late", "2", { modifiedIndex: 12 }), item("/lost", "1"), item("/ok", "1")];
  const target = byKey([item("/late", "1"), item("/ok", "1")]);
  const plan = planImport([], new Map(), plain);
  assert.deepEqual(compareAfter(source, target, { index: 10, plan }), {
    changed: ["/late"],
    wrong: ["/lost"],
  });
});

test("importing twice writes nothing the second time", () => {
  const trees = fc.uniqueArray(
    fc.tuple(fc.constantFrom("/a", "/b", "/c/d", "/c/e", "/f/g/h"), fc.string()),
    { selector: ([key]) => key },
  );
  fc.assert(
    fc.property(trees, trees, (from, to) => {
      const source = from.map(([key, value]) => item(key, value));
      const target = byKey(to.map(([key, value]) => item(key, value)));
      const { steps, conflicts } = planImport(source, target, plain);
      for (const step of steps) target.set(step.item.key, step.item);
      const again = planImport(source, target, plain);
      assert.deepEqual([again.steps, conflicts], [[], []]);
      assert.equal(again.same, source.length);
    }),
  );
});
