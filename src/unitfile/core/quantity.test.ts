import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatBytes,
  formatCores,
  parseBytes,
  parseMillicores,
  parseQuantity,
} from "./quantity.ts";

test("numbers have systemd's suffixes", () => {
  const cases = { "7": 7, "-3": -3, "0.5": 0.5, "1K": 1024, "1.5M": 1_572_864, "2G": 2 ** 31 };
  for (const [text, number] of Object.entries(cases)) assert.equal(parseQuantity(text), number);
  for (const text of ["", "K", "1k", "1 K", "1KB", ".5", "1e3", "0x1"])
    assert.equal(parseQuantity(text), undefined, text);
});

test("memory is a number of whole bytes above 0", () => {
  assert.equal(parseBytes("0.3K"), 308);
  assert.equal(parseBytes("8191T"), 8191 * 2 ** 40);
  for (const text of ["0", "-1", "8192T", "9007199254740992"])
    assert.equal(parseBytes(text), undefined, text);
});

test("cores are thousandths, rounded up", () => {
  const cases = { "1": 1000, "1.1": 1100, "0.0001": 1, "2.5": 2500, "1000000": 1_000_000_000 };
  for (const [text, millicores] of Object.entries(cases))
    assert.equal(parseMillicores(text), millicores, text);
  for (const text of ["0", "-1", "1M", "1000001"])
    assert.equal(parseMillicores(text), undefined, text);
  assert.equal(formatCores(1500), "1.5");
});

test("formatBytes() never shows more than there is, and less by at most a hundredth", () => {
  assert.equal(formatBytes(0), "0");
  assert.equal(formatBytes(1_572_864), "1.5M");
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (bytes) => {
      const shown = parseQuantity(formatBytes(bytes))!;
      assert.ok(shown <= bytes && shown > bytes * 0.98);
    }),
  );
});
