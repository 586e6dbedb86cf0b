import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Pending } from "#keys/core/pending.ts";

test("it is what a Map is, whatever is added and taken in whatever order", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("add" as const) },
    { weight: 5, arbitrary: fc.nat(700) },
    { weight: 1, arbitrary: fc.constant("takeAll" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 3000, size: "max" }), (steps) => {
      const pending = new Pending<{ n: number }>();
      const model = new Map<number, { n: number }>();
      let last = 0;
      for (const one of steps)
        if (one === "add") {
          const item = { n: last + 1 };
          assert.equal(pending.add(item), (last += 1));
          model.set(last, item);
        } else if (one === "takeAll") {
          assert.deepEqual(pending.takeAll(), [...model.values()]);
          model.clear();
        } else {
          const number = last - one; // now and then one that never was, or is gone
          assert.equal(pending.take(number), model.get(number));
          model.delete(number);
        }
      assert.equal(pending.size, model.size);
      assert.equal(pending.take(last + 1), undefined);
      assert.equal(pending.take(Number.NaN), undefined);
    }),
    { numRuns: 100 },
  );
});
