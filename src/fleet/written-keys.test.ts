import assert from "node:assert/strict";
import { test } from "node:test";
import { WrittenKeys } from "./written-keys.ts";

test("WrittenKeys knows better than the mirror until that shows the write", () => {
  const written = new WrittenKeys();
  written.remember("a", "new", 5);
  written.remember("b", undefined, 6);
  assert.deepEqual(
    [written.known("a", "old", 4), written.known("b", "old", 4)],
    ["new", undefined],
  );
  assert.deepEqual(
    [written.known("a", "new", 5), written.known("b", "old", 5)],
    ["new", undefined],
  );
  assert.equal(written.known("a", "newer", 7), "newer");
});

test("WrittenKeys keeps nothing that the mirror shows, also of keys that nobody asks for any more", () => {
  const written = new WrittenKeys();
  written.remember("a", undefined, 5);
  written.remember("b", "new", 9);
  written.known("c", undefined, 8);
  assert.deepEqual([written.isPending("a"), written.isPending("b")], [false, true]);
  written.known("c", undefined, 3); // the store went back
  assert.equal(written.isPending("b"), false);
});
