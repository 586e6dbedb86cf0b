import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EtcdNames } from "#log/core/etcd-names.ts";
import { trimmedRanges } from "#log/core/etcd-trim.ts";

const names = new EtcdNames("/k");

/** Keys of some writers, whose batches may have parts, and parts that have no batch. */
const listings = fc
  .uniqueArray(
    fc.record({
      writer: fc.constantFrom("a", "b", "c"),
      sequence: fc.integer({ min: 1, max: 20 }),
      parts: fc.integer({ min: 0, max: 3 }),
      hasBatch: fc.boolean(),
      revision: fc.integer({ min: 10, max: 90 }),
    }),
    { selector: ({ writer, sequence }) => `${writer}${sequence}` },
  )
  .map((batches) =>
    batches
      .flatMap(({ writer, sequence, parts, hasBatch, revision }) => {
        const batch = names.batch(writer, sequence);
        const keys = Array.from({ length: parts }, (_, at) => ({
          key: names.part(batch, at),
          modRevision: revision - parts + at,
        }));
        return hasBatch ? [{ key: batch, modRevision: revision }, ...keys] : keys;
      })
      .concat({ key: names.snapshot, modRevision: 50 })
      .toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  );

test("what is trimmed: batches ahead of the revision with their parts, parts without a batch, never more", () => {
  fc.assert(
    fc.property(listings, fc.integer({ min: 1, max: 4 }), (listed, stepKeys) => {
      const ranges = trimmedRanges(names, listed, 50, stepKeys);
      const revisions = new Map(listed.map(({ key, modRevision }) => [key, modRevision]));
      for (const { key, modRevision } of listed) {
        const name = names.read(key);
        const isNeedless =
          name.kind !== "snapshot" && (revisions.get(name.batch) ?? modRevision) < 50;
        const within = ranges.filter((range) => range.key <= key && key < range.end);
        assert.equal(within.length, isNeedless ? 1 : 0, key);
      }
      for (const { key, end } of ranges) {
        assert.equal(names.writerOf(key), names.writerOf(end), "a range crosses to another writer");
        const size = listed.filter((item) => key <= item.key && item.key < end).length;
        assert.ok(size >= 1 && size <= stepKeys);
      }
    }),
  );
});
