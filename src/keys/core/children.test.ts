import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Children, type Sibling } from "#keys/core/children.ts";

interface Child extends Sibling<Child> {
  readonly name: number;
}

test("it is what a Set is, whatever is added and removed in whatever order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { maxLength: 200 }), (names) => {
      const children = new Children<Child>();
      const model = new Map<number, Child>();
      for (const name of names) {
        const there = model.get(name);
        if (there) {
          children.remove(there);
          model.delete(name);
          assert.deepEqual([there.before, there.after], [undefined, undefined]);
        } else {
          const child: Child = { name, before: undefined, after: undefined };
          children.add(child);
          model.set(name, child);
        }
        assert.equal(children.size, model.size);
        assert.deepEqual(
          [...children].map((one) => one.name),
          [...model.keys()],
        );
      }
    }),
  );
});
