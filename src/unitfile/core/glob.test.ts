import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { globMatcher, isGlob, isOrMatches, matchGlob } from "./glob.ts";

const CASES: readonly (readonly [pattern: string, text: string, matches: boolean])[] = [
  ["", "", true],
  ["abc", "abc", true],
  ["abc", "abcd", false],
  ["*", "", true],
  ["*", "a/b", false],
  ["a*/b", "axx/b", true],
  ["*c", "abcbc", true],
  ["a*b*c", "a1b2b3c", true],
  ["a*b*c", "a1b2b3", false],
  ["c@*.service", "c@1.service", true],
  ["c@*.service", "d@1.service", false],
  ["?.service", "a.service", true],
  ["?", "/", false],
  ["[a-c]x", "bx", true],
  ["[a-c]x", "dx", false],
  ["[^a-c]x", "dx", true],
  ["[^a-c]x", "ax", false],
  ["[a-]", "a", false],
  ["[]a]", "]", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "axb", false],
  ["[", "[", false],
  ["[a", "a", false],
  ["a\\", "a\\", false],
  ["[é]*", "éa", true],
];

for (const [pattern, text, matches] of CASES)
  test(`matchGlob() of ${pattern} and ${text} is ${matches}`, () =>
    assert.equal(matchGlob(pattern, text), matches));

test("isGlob() tells malformed patterns", () => {
  assert(isGlob("a*[b-d]?"));
  for (const bad of ["[", "[a", "[^]", "[-a]", "[a-", "a\\"]) assert(!isGlob(bad), bad);
});

test("matchGlob() agrees with a regular expression", () => {
  const anyPattern = fc.array(fc.constantFrom("*", "?", "a", "b", "/", "[ab]", "[^a/]"), {
    maxLength: 6,
  });
  const anyText = fc.array(fc.constantFrom("a", "b", "c", "/"), { maxLength: 8 });
  fc.assert(
    fc.property(anyPattern, anyText, (tokens, characters) => {
      const expression = tokens
        .map((token) => token.replace(/^\*$/, "[^/]*").replace(/^\?$/, "[^/]"))
        .join("");
      const text = characters.join("");
      assert.equal(matchGlob(tokens.join(""), text), new RegExp(`^${expression}$`).test(text));
    }),
    { numRuns: 2_000 },
  );
});

test("isOrMatches() and globMatcher() also find a text under itself, and agree", () => {
  assert(isOrMatches("a\\x2db", "a\\x2db"));
  assert(!isOrMatches("a\\x2db", "a-b"));
  const anyText = fc
    .array(fc.constantFrom("*", "?", "a", "b", "/", "[", "]", "\\"), { maxLength: 7 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(anyText, anyText, (pattern, text) => {
      const expected = pattern === text || matchGlob(pattern, text);
      assert.equal(isOrMatches(pattern, text), expected);
      assert.equal(globMatcher(pattern)(text), expected);
    }),
    { numRuns: 5_000 },
  );
});

test("matchGlob() does not take long over many stars", () => {
  assert.equal(matchGlob(`${"a*".repeat(100)}b`, "a".repeat(2_000)), false);
});
