import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPageToken, pageOf, parsePageToken } from "./page-token.ts";

test("page tokens are the original's", () => {
  assert.equal(formatPageToken({ limit: 100, page: 2 }), "ZAACAA==");
  assert.deepEqual(parsePageToken("ZAACAA=="), { limit: 100, page: 2 });
});

test("parsePageToken() reads what formatPageToken() wrote, and refuses the rest", () => {
  const uint16 = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(uint16, uint16, (limit, page) => {
      assert.deepEqual(parsePageToken(formatPageToken({ limit, page })), { limit, page });
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const token = parsePageToken(text);
      assert.ok(token === undefined || formatPageToken(token) === text);
    }),
  );
  for (const text of ["", "bogus", "AAAAAA==", "ZAAAAA=="])
    assert.equal(parsePageToken(text), undefined);
});

test("pageOf() gives everything once, in order", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer({ min: 1, max: 7 }), (all, limit) => {
      const seen: number[] = [];
      let token: { limit: number; page: number } | undefined = { limit, page: 1 };
      while (token !== undefined) {
        const { items, next }: ReturnType<typeof pageOf<number>> = pageOf(all, token);
        seen.push(...items);
        token = next;
      }
      assert.deepEqual(seen, all);
    }),
  );
});
