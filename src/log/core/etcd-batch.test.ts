import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  cutBytes,
  decodeBatch,
  encodeBatch,
  packChunks,
  unpackChunks,
} from "#log/core/etcd-batch.ts";

const texts = fc.array(fc.string({ unit: "binary", maxLength: 40 }));

test("a batch comes out as it went in, however it is cut", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 50 }), (entries, limit) => {
      const pieces = cutBytes(encodeBatch(["first", ...entries]), limit);
      assert.ok(pieces.every((piece) => piece.length <= limit));
      assert.deepEqual(decodeBatch(pieces), ["first", ...entries]);
    }),
  );
});

test("a batch that lacks a part, or is none, is refused", () => {
  const pieces = cutBytes(encodeBatch(["abc", "de\u00fcf", "g".repeat(30)]), 7);
  for (const [at] of pieces.entries())
    assert.throws(() => decodeBatch(pieces.toSpliced(at, 1)), RangeError);
  for (const text of ["", "1 3", "2 3\nabc", "1 3\nab", "1 3\nabcd"])
    assert.throws(() => decodeBatch([new TextEncoder().encode(text)]), RangeError, text);
});

test("a snapshot's chunks come out as they went in, from values of one size", () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 100 }), (chunks, valueBytes) => {
      const values = [...packChunks(chunks, valueBytes)];
      assert.ok(values.slice(0, -1).every((value) => value.length === valueBytes));
      assert.ok(values.every((value) => value.length > 0 && value.length <= valueBytes));
      assert.deepEqual(unpackChunks(values), chunks);
    }),
  );
});

test("a snapshot that lacks its end is refused", () => {
  const values = [...packChunks(["one", "two"], 3)];
  for (let count = 1; count < values.length; count++)
    assert.throws(() => unpackChunks(values.slice(0, count)), RangeError);
});
