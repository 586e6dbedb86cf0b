import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeBatch } from "#log/core/etcd-batch.ts";
import { EtcdNames } from "#log/core/etcd-names.ts";
import { EtcdOrder, encodePointer, type Pointer } from "#log/core/etcd-order.ts";

const names = new EtcdNames("/k");

function batch(writer: string, sequence: number, revision: number, ...texts: string[]) {
  return { key: names.batch(writer, sequence), value: encodeBatch(texts), revision };
}

function pointer(index: number, from: Pointer["from"]): Pointer {
  return { id: "p", index, from, values: 1, crc: 0 };
}

function pointerPut(index: number, from: Pointer["from"], revision: number) {
  return { key: names.snapshot, value: encodePointer(pointer(index, from)), revision };
}

/** What entries came, as `index data`. */
function entriesOf(order: EtcdOrder, puts: readonly Parameters<EtcdOrder["take"]>[0][]): string[] {
  return puts.flatMap((put) => {
    const taken = order.take(put);
    return taken.kind === "batch" ? taken.entries.map(({ index, data }) => `${index} ${data}`) : [];
  });
}

test("entries are counted in the order of revisions; what was taken is not taken again", () => {
  const order = new EtcdOrder(names);
  const puts = [
    batch("a", 1, 3, "one", "two"),
    batch("b", 1, 4, "three"),
    batch("a", 2, 7, "four"),
  ];
  assert.deepEqual(entriesOf(order, puts), ["1 one", "2 two", "3 three", "4 four"]);
  assert.deepEqual(entriesOf(order, [...puts, batch("b", 2, 9, "five")]), ["5 five"]);
  assert.deepEqual([order.index, order.revision, order.pointerRevision], [5, 9, 0]);
});

test("parts come ahead of their batch, others' batches between them", () => {
  const order = new EtcdOrder(names);
  const value = encodeBatch(["a long entry"]);
  const key = names.batch("a", 1);
  const puts = [
    { key: names.part(key, 0), value: value.subarray(0, 5), revision: 2 },
    batch("b", 1, 3, "between"),
    { key: names.part(key, 1), value: value.subarray(5, 9), revision: 4 },
    { key, value: value.subarray(9), revision: 5 },
  ];
  assert.deepEqual(entriesOf(order, puts), ["1 between", "2 a long entry"]);
});

const PLACES = [
  { index: 0, place: { revision: 0, skip: 0 } },
  { index: 1, place: { revision: 3, skip: 1 } },
  { index: 2, place: { revision: 4, skip: 0 } },
  { index: 3, place: { revision: 6, skip: 1 } },
  { index: 5, place: { revision: 7, skip: 0 } },
  { index: 6, place: undefined },
];
for (const { index, place } of PLACES)
  test(`a snapshot at entry ${index} goes on where its entries end`, () => {
    const puts = [batch("a", 1, 3, "1", "2"), batch("b", 1, 6, "3", "4", "5")];
    const whole = new EtcdOrder(names);
    const all = entriesOf(whole, puts);
    assert.deepEqual(whole.place(index), place);
    if (place === undefined) return;
    const rest = all.slice(index);
    const later = new EtcdOrder(names, pointer(index, place), 8);
    const again = [...puts, pointerPut(index, place, 8), batch("a", 2, 9, "6")];
    assert.deepEqual(entriesOf(later, again), [...rest, "6 6"]);
    whole.take(pointerPut(index, place, 8));
    assert.deepEqual(whole.place(5), index === 5 ? place : { revision: 7, skip: 0 });
    assert.equal(whole.pointerRevision, 8);
  });

test("a snapshot of other entries than those that were read is refused: something was missed", () => {
  for (const [index, from] of [
    [3, { revision: 4, skip: 0 }],
    [2, { revision: 5, skip: 0 }],
    [1, { revision: 4, skip: 0 }],
  ] as const) {
    const order = new EtcdOrder(names);
    order.take(batch("a", 1, 3, "1", "2"));
    assert.throws(() => order.take(pointerPut(index, from, 8)), /stands for other entries/);
  }
});

test("what is no key of the log, or no pointer, is refused", () => {
  const order = new EtcdOrder(names);
  const value = new TextEncoder().encode("{}");
  assert.throws(() => order.take({ key: "/k/log/x", value, revision: 2 }), RangeError);
  assert.throws(() => order.take({ key: names.snapshot, value, revision: 3 }), RangeError);
});
