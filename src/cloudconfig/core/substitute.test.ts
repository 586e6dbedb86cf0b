import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MachineFacts } from "./machine-facts.ts";
import { parseTree } from "./parse-tree.ts";
import { describeProblem } from "./problem.ts";
import { substitute, substituteScript } from "./substitute.ts";
import { markEscapes } from "./template-mode.ts";
import type { Tree } from "./tree.ts";

const FACTS: MachineFacts = {
  publicIpv4: "192.0.2.1",
  privateIpv4: "10.0.0.1",
  publicIpv6: "2001:db8::1",
  privateIpv6: "fd00::1",
  metadata: {},
};

// What the original's binary made of these texts, for the same addresses.
for (const [text, is] of [
  ["$private_ipv4", "10.0.0.1"],
  ["$public_ipv4 $public_ipv6\n$private_ipv6", "192.0.2.1 2001:db8::1\nfd00::1"],
  ["a$private_ipv4a", "a10.0.0.1a"],
  ["$private_ipv44", "10.0.0.14"],
  ["$$private_ipv4", "$10.0.0.1"],
  ["{$private_ipv4}", "{10.0.0.1}"],
  ["${private_ipv4}", "${private_ipv4}"],
  ["$PRIVATE_IPV4", "$PRIVATE_IPV4"],
  ["$private_ipv", "$private_ipv"],
  ["\\$private_ipv4", "$private_ipv4"],
  ["a\\$private_ipv4\n$private_ipv4", "a$private_ipv4\n10.0.0.1"],
  ["\\\\$private_ipv4", "\\$private_ipv4"],
  ["\\\\\\$private_ipv4", "\\\\$private_ipv4"],
  ["\\ $private_ipv4", "\\ 10.0.0.1"],
  ["\\\n$private_ipv4", "\\\n10.0.0.1"],
  ["\\$unknown $unknown \\a", "\\$unknown $unknown \\a"],
  ["$public_ipv4$private_ipv4", "192.0.2.110.0.0.1"],
  ["\\$public_ipv6$private_ipv4_x", "$public_ipv610.0.0.1_x"],
] as const)
  test(`an address in ${JSON.stringify(text)} is replaced as by the original`, () => {
    assert.deepEqual(substituteScript(text, FACTS), { text: is, problems: [] });
    const yaml = `#cloud-config\ncontent: |\n  ${text.replaceAll("\n", "\n  ")}\n`;
    assert.deepEqual(contentOf(substituted(yaml, FACTS).tree), `${is}\n`);
  });

test("the same address twice side by side is replaced twice, where the original leaves the second", () => {
  const { text } = substituteScript("$private_ipv4$private_ipv4", FACTS);
  assert.equal(text, "10.0.0.110.0.0.1");
});

test("an escaped variable is one in quotes too, where YAML knows no such escape", () => {
  const { tree, problems } = substituted('#cloud-config\ncontent: "\\$public_ipv4"\n', FACTS);
  assert.deepEqual(problems, []);
  assert.equal(contentOf(tree), "$public_ipv4");
});

test("an address that is not known is a problem where it stands", () => {
  const yaml =
    "#cloud-config\ncontent: |\n  a\n  b $public_ipv4 c\n  $public_ipv4\nname: $private_ipv6\n";
  const advice = (name: string) =>
    `set COREOS_${name} in /etc/environment, or write the address itself`;
  assert.deepEqual(substituted(yaml, { metadata: {} }).problems.map(describeProblem), [
    `line 4, column 5: error: content: $public_ipv4 is not known on this machine; ${advice("PUBLIC_IPV4")}`,
    `line 5, column 3: error: content: $public_ipv4 is not known on this machine; ${advice("PUBLIC_IPV4")}`,
    `line 6, column 7: error: name: $private_ipv6 is not known on this machine; ${advice("PRIVATE_IPV6")}`,
  ]);
});

test("of a text that many aliases read no more than 100 problems are told", () => {
  const aliases = Array.from({ length: 3000 }, () => "  - *a\n").join("");
  const yaml = `#cloud-config\nx: &a "${"y".repeat(200)} $public_ipv4"\nlist:\n${aliases}`;
  const { problems } = substituted(yaml, { metadata: {} });
  assert.equal(problems.length, 100);
});

const line = fc.nat(9);
const asParsed = { noNullPrototype: true };
const anyTree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.record({ kind: fc.constant("null" as const), line }, asParsed),
    fc.record(
      { kind: fc.constant("text" as const), line, text: fc.stringMatching(/^[^$]*$/) },
      asParsed,
    ),
    fc.record({ kind: fc.constant("list" as const), line, items: fc.array(tie("tree")) }, asParsed),
    fc.record(
      {
        kind: fc.constant("map" as const),
        line,
        entries: fc.array(fc.record({ key: fc.string(), line, value: tie("tree") }, asParsed)),
      },
      asParsed,
    ),
  ),
})).tree;

test("what has neither variables nor the mark of a template stays as it is", () => {
  fc.assert(
    fc.property(anyTree, (tree) => {
      assert.deepEqual(substitute(tree, { metadata: {} }, "#cloud-config\n{{ x }}\n"), {
        tree,
        problems: [],
      });
    }),
    { numRuns: 300 },
  );
});

function substituted(text: string, facts: MachineFacts) {
  const { tree, problems } = parseTree(markEscapes(text));
  assert.deepEqual(problems, []);
  assert.ok(tree);
  return substitute(tree, facts, text);
}

function contentOf(tree: Tree): unknown {
  const value = tree.kind === "map" ? tree.entries[0]?.value : undefined;
  return value?.kind === "text" ? value.text : value;
}
