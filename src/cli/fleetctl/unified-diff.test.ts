import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { unifiedDiff } from "./unified-diff.ts";

const diff = (before: readonly string[], after: readonly string[]) =>
  unifiedDiff(
    { name: "a", text: before.map((line) => `${line}\n`).join("") },
    { name: "b", text: after.map((line) => `${line}\n`).join("") },
  );

test("unifiedDiff() shows what changed with three lines around it", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["abc", "abc", ""],
    ["abc", "axc", "@@ -1,3 +1,3 @@| a|-b|+x| c"],
    ["", "a", "@@ -0,0 +1 @@|+a"],
    ["a", "", "@@ -1 +0,0 @@|-a"],
    ["1234567", "1234x567", "@@ -2,6 +2,7 @@| 2| 3| 4|+x| 5| 6| 7"],
    ["a123456789b", "x123456789y", "@@ -1,4 +1,4 @@|-a|+x| 1| 2| 3|@@ -8,4 +8,4 @@| 7| 8| 9|-b|+y"],
  ];
  for (const [before, after, lines] of cases)
    assert.equal(
      diff(Array.from(before), Array.from(after)).slice(2).join("|"),
      lines,
      `${before} ${after}`,
    );
});

const text = fc.array(fc.constantFrom("a", "b", "c", "d", "[Service]"), { maxLength: 30 });

test("what unifiedDiff() gives turns the one text into the other", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = diff(before, after);
      const got = applied(before, lines.slice(2));
      assert.deepEqual(got, after);
      assert.equal(lines.length === 0, before.join() === after.join());
    }),
  );
});

test("unifiedDiff() writes what diff -u writes, when there is one way to write it", () => {
  const directory = mkdtempSync(join(tmpdir(), "keelson-diff-"));
  try {
    const before = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    for (const at of [0, 1, 7, 15, 28, 29]) {
      const after = before.toSpliced(at, 1, "changed").toSpliced((at + 12) % 30, 0, "added");
      writeFileSync(join(directory, "a"), `${before.join("\n")}\n`);
      writeFileSync(join(directory, "b"), `${after.join("\n")}\n`);
      const real = spawnSync("diff", ["-U3", "a", "b"], { cwd: directory, encoding: "utf8" });
      assert.equal(real.status, 1, real.stderr);
      assert.deepEqual(diff(before, after).slice(2), real.stdout.trimEnd().split("\n").slice(2));
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("texts of thousands of lines without one in common are shown whole, in little time", () => {
  const before = Array.from({ length: 5000 }, (_, i) => `a${i}`);
  const after = before.map((line) => `${line}x`);
  assert.equal(diff(before, after).length, 2 + 1 + 10_000);
});

/** What patch(1) does. */
function applied(before: readonly string[], lines: readonly string[]): string[] {
  const after: string[] = [];
  let at = 0;
  for (const line of lines) {
    const [, start, count = "1"] = /^@@ -(\d+)(?:,(\d+))? /.exec(line) ?? [];
    if (start !== undefined) {
      const until = Number(start) - (count === "0" ? 0 : 1);
      after.push(...before.slice(at, until));
      at = until;
      continue;
    }
    const rest = line.slice(1);
    if (!line.startsWith("+")) {
      assert.equal(before[at], rest);
      at += 1;
    }
    if (!line.startsWith("-")) after.push(rest);
  }
  return [...after, ...before.slice(at)];
}
