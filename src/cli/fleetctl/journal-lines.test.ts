import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeJournals } from "./journal-lines.ts";

/** Local time as the line shows it. */
function short(seconds: number): string {
  const text = new Date(seconds * 1000).toString(); // Sat Nov 21 2026 18:00:00 GMT…
  return `${text.slice(4, 10)} ${text.slice(16, 24)}`;
}

test("mergeJournals() puts the lines of several machines in the order of time", () => {
  const at = 1_795_284_000;
  const a = `${at}.500000 a web[1]: one\n    and more of it\n${at + 2}.000000 a web[1]: three\n`;
  const b = `-- Boot --\n${at + 1}.000000 b web[7]: two\n${at + 2}.000000 b web[7]: four\n`;
  assert.deepEqual(
    mergeJournals([
      { prefix: "a | ", text: a },
      { prefix: "b | ", text: b },
    ]),
    [
      "b | -- Boot --",
      `a | ${short(at)} a web[1]: one`,
      "a |     and more of it",
      `b | ${short(at + 1)} b web[7]: two`,
      `a | ${short(at + 2)} a web[1]: three`,
      `b | ${short(at + 2)} b web[7]: four`,
    ],
  );
  assert.deepEqual(mergeJournals([{ prefix: "", text: "" }]), []);
});
