import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expandArguments, expandBraces, isPattern, unitNameOf } from "./unit-args.ts";

const EXPANSIONS: Readonly<Record<string, string>> = {
  "hello@{1..3}.service": "hello@1.service hello@2.service hello@3.service",
  "t@{6,7}": "t@6 t@7",
  "{a,b}{1..2}": "a1 a2 b1 b2",
  "{3..1}": "3 2 1",
  "{08..11}": "08 09 10 11",
  "{-1..1}": "-1 0 1",
  "{1..1}": "1",
  "x{a,{b,c}y}z": "xaz xbyz xcyz",
  "a{,b}": "a ab",
  "plain.service": "plain.service",
  "{}": "{}",
  "{one}": "{one}",
  "{open": "{open",
  "close}": "close}",
  "{1..}": "{1..}",
  "{a..c}": "{a..c}",
  "{{1,2}": "{1 {2",
};

for (const [text, expected] of Object.entries(EXPANSIONS))
  test(`expandBraces() turns ${text} into ${expected}`, () => {
    assert.deepEqual(expandBraces(text), expected.split(" "));
  });

test("expandBraces() expands up to 10000 names and refuses one more", () => {
  assert.equal(expandBraces("{1..10000}").length, 10_000);
  for (const text of ["{1..10001}", "{0..999999999}", "{1..100}{1..101}"])
    assert.throws(() => expandBraces(text), {
      code: "USAGE",
      message: /more than 10000 units; name fewer/,
    });
});

test("expandBraces() is total and leaves text without braces alone", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[{},.0129ab@]{0,20}$/), (text) => {
      const names = expandBraces(text);
      assert.ok(names.length > 0);
      if (!text.includes("{")) assert.deepEqual(names, [text]);
    }),
  );
});

test("expandArguments() names each unit once, in the order given", () => {
  assert.deepEqual(expandArguments(["b", "{a,b}", "a"]), ["b", "a"]);
});

test("unitNameOf() takes the last part of a path and makes a service of what has no type", () => {
  const names = [
    "foo",
    "./u/foo.service",
    "/root/tick.timer",
    "t@1",
    "wrong.conf",
    "u/t@.service",
  ].map(unitNameOf);
  assert.deepEqual(names, [
    "foo.service",
    "foo.service",
    "tick.timer",
    "t@1.service",
    "wrong.conf.service",
    "t@.service",
  ]);
});

test("isPattern() knows what a shell would expand", () => {
  assert.deepEqual(["t@*", "a?", "[ab]", "t@1.service", "{a,b}"].map(isPattern), [
    true,
    true,
    true,
    false,
    false,
  ]);
});
