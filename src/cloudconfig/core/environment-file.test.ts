import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mergeEnvironmentFile, parseEnvironmentFile } from "./environment-file.ts";

test("parseEnvironmentFile() reads values, quoted or not, and passes over the rest", () => {
  const text = "# note\nA=1\r\nexport B=\"two words\"\nC='x'\nnot a line\nD=\n";
  assert.deepEqual(Object.fromEntries(parseEnvironmentFile(text)), {
    A: "1",
    B: "two words",
    C: "x",
    D: "",
  });
});

for (const { name, old, values, merged } of [
  { name: "begins a file", old: "", values: { B: "2", A: "1" }, merged: "A=1\nB=2\n" },
  {
    name: "keeps what it does not know",
    old: "# x\n\nA=0\nZ",
    values: { A: "1" },
    merged: "# x\n\nA=1\nZ\n",
  },
  { name: "appends behind", old: "Z=1\n", values: { A: "1" }, merged: "Z=1\nA=1\n" },
])
  test(`mergeEnvironmentFile() ${name}`, () => {
    assert.equal(mergeEnvironmentFile(old, values), merged);
  });

const values = fc.dictionary(fc.stringMatching(/^[A-Z_]{1,4}$/), fc.stringMatching(/^[a-z0-9.]*$/));

test("mergeEnvironmentFile() sets every value, and again changes nothing", () => {
  fc.assert(
    fc.property(fc.string(), values, (old, wanted) => {
      const once = mergeEnvironmentFile(old, wanted);
      const present = parseEnvironmentFile(once);
      for (const [key, value] of Object.entries(wanted)) assert.equal(present.get(key), value);
      assert.equal(mergeEnvironmentFile(once, wanted), once);
    }),
  );
});
