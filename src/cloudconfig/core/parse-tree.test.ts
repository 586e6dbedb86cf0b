import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseTree } from "./parse-tree.ts";
import { describeProblem } from "./problem.ts";
import { child, type Tree } from "./tree.ts";

/** The tree without its lines. */
function plain(tree: Tree | undefined): unknown {
  switch (tree?.kind) {
    case "text":
      return tree.text;
    case "bytes":
      return [...tree.bytes];
    case "list":
      return tree.items.map(plain);
    case "map":
      return Object.fromEntries(tree.entries.map((e) => [e.key, plain(e.value)]));
    case "null":
    case undefined:
      return null;
    default:
      return tree satisfies never;
  }
}

const TREES = [
  {
    name: "keeps scalars as written",
    yaml: "a: 0644\nb: on\nc: 1.0",
    is: { a: "0644", b: "on", c: "1.0" },
  },
  { name: "takes hyphens for underscores", yaml: "public-ip: x-y", is: { public_ip: "x-y" } },
  {
    name: "tells nothing from empty text",
    yaml: 'a:\nb: ~\nc: ""',
    is: { a: null, b: null, c: "" },
  },
  {
    name: "follows aliases to a long text, and of any number to short ones",
    yaml: `a: &a ${"x".repeat(1000)}\nb: [${Array(1040).fill("*a").join(", ")}]`,
    is: { a: "x".repeat(1000), b: Array(1040).fill("x".repeat(1000)) },
  },
  { name: "follows aliases", yaml: "a: &x [1]\nb: *x", is: { a: ["1"], b: ["1"] } },
  {
    name: "merges maps, the own key winning",
    yaml: "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}",
    is: { a: { p: "1", q: "2" }, b: { q: "3", p: "1" } },
  },
  {
    name: "takes an anchor's value of the time",
    yaml: "a: &x 1\nb: &y [*x]\nc: &x 2\nd: *y\ne: *x",
    is: { a: "1", b: ["1"], c: "2", d: ["1"], e: "2" },
  },
  { name: "decodes !!binary", yaml: "a: !!binary AAH/", is: { a: [0, 1, 255] } },
  { name: "takes a document without content", yaml: "#cloud-config\n---\n", is: null },
];

for (const { name, yaml, is } of TREES)
  test(`parseTree() ${name}`, () => {
    const { tree, problems } = parseTree(yaml);
    assert.deepEqual(problems, []);
    assert.deepEqual(plain(tree), is);
  });

const PROBLEMS = [
  {
    name: "an indentation that is off",
    yaml: "a:\n  b: 1\n   c: 2\n",
    is: /^line 3: error: mapping values are not allowed in this context\n {4}c: it is indented deeper/,
  },
  {
    name: "an indentation that is off behind a group",
    yaml: "a:\n  b:\n    x: 1\n   c: 2\n",
    is: /^line 4: error: did not find expected key\n {4}c: it is indented differently/,
  },
  {
    name: "a key in the column of a list",
    yaml: "a:\n  - b: 1\n  c: 2\n",
    is: /^line 3: error: did not find expected '-' indicator\n {4}c: it is indented differently/,
  },
  {
    name: "two colons in a line",
    yaml: "a: b: c\n",
    is: /^line 1: error: mapping values are not allowed in this context\n {4}a: .*in quotes/,
  },
  {
    name: "a tab",
    yaml: "a:\n\tb: 1\n",
    is: /^line 2: error: found character that cannot start any token\n {4}b: .*use spaces/,
  },
  {
    name: "an alias of nothing",
    yaml: "a: 1\nb: *c\n",
    is: /^line 2: error: Unknown anchor 'c' referenced\n {4}b: there is no anchor &c/,
  },
  {
    name: "a scalar that needs quotes",
    yaml: "a: @b\n",
    is: /^line 1: error: found character that cannot start any token\n {4}a: .*in quotes/,
  },
  {
    name: "a line that is no key",
    yaml: "a: 1\nb\nc: 2\n",
    is: /^line 2: error: could not find expected ':'\n {4}the line is neither/,
  },
  {
    name: "a list behind a key",
    yaml: "a: - b\n",
    is: /^line 1: error: block sequence entries are not allowed in this context\n {4}a: a list begins/,
  },
  {
    name: "a merge of no map",
    yaml: "a: 1\n<<: 2\n",
    is: /^line 2: error: map merge requires map .*\n {4}<<: <<: merges a map/,
  },
  { name: "depth without end", yaml: "[".repeat(100), is: /^line 1: / },
  {
    name: "depth that overflows the parser",
    yaml: `${"- ".repeat(50_000)}a`,
    is: /^line 1: .*\n? *.*deep/,
  },
  { name: "an alias of itself", yaml: "a: &x [*x]\n", is: /^line 1: .*\n.*no anchor &x/ },
  {
    name: "aliases that pile up",
    yaml: [
      "a0: &a0 [1]",
      ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]`),
    ].join("\n"),
    is: /deeper than 20/,
  },
  {
    name: "aliases that multiply",
    yaml: [
      "a: &a [1,1,1,1,1,1,1,1,1,1]",
      ...["b", "c", "d", "e", "f"].map((name, i) => {
        const before = String.fromCharCode(name.charCodeAt(0) - 1);
        return `${name}: &${name} [${Array(10).fill(`*${before}`).join(",")}] # ${i}`;
      }),
    ].join("\n"),
    is: /more than 100000 values/,
  },
  {
    name: "aliases that read a long text again and again",
    yaml: `a: &a ${"x".repeat(60_000)}\nb: [${Array(18).fill("*a").join(", ")}]`,
    is: /^line 2: error: b\[17\]: more than 1048576 characters are read through aliases/,
  },
  {
    name: "aliases that read a long key again and again",
    yaml: `a: &a {${"x".repeat(1000)}: 1}\nb: [${Array(1050).fill("*a").join(", ")}]`,
    is: /more than 1048576 characters/,
  },
];

for (const { name, yaml, is } of PROBLEMS)
  test(`parseTree() refuses ${name}`, () => {
    const { tree, problems } = parseTree(yaml);
    assert.equal(tree, undefined);
    assert.match(problems.map(describeProblem).join("\n"), is);
  });

test("parseTree() takes what is given twice as the original does, and warns", () => {
  const { tree, problems } = parseTree("a: 1\nb: {x: 1, y: 2}\na-b: 5\na: 3\nb: {y: 3}\na_b: 6\n");
  assert.deepEqual(plain(tree), { a: "3", b: { x: "1", y: "3" }, a_b: "6" });
  assert.deepEqual(problems.map(describeProblem), [
    "line 4: warning: a: stands on line 1 already, and what stands here counts; write it once",
    "line 5: warning: b: stands on line 2 already; write it once, with all its keys",
    "line 5: warning: b.y: stands on line 2 already, and what stands here counts; write it once",
    "line 6: warning: a_b: stands on line 3 already, and what stands here counts; write it once",
  ]);
});

test("parseTree() reads the first of two documents, and warns", () => {
  const { tree, problems } = parseTree("a: 1\n---\nb: 2\n");
  assert.deepEqual(plain(tree), { a: "1" });
  assert.match(problems.map(describeProblem).join(), /^line 2: warning: a second document/);
});

test("parseTree() knows quotes, and where the text of a block begins", () => {
  const { tree } = parseTree("a: '1'\nb: 1\nc: |\n  x\nd: !!str 1\n");
  const line = 1;
  assert.deepEqual(child(tree, "a"), { kind: "text", line, text: "1", isQuoted: true });
  assert.deepEqual(child(tree, "b"), { kind: "text", line: 2, text: "1" });
  const block = { kind: "text", line: 3, text: "x\n", isQuoted: true, textLine: 4 };
  assert.deepEqual(child(tree, "c"), block);
  assert.deepEqual(child(tree, "d"), { kind: "text", line: 5, text: "1", isQuoted: true });
});

test("parseTree() knows the line of every value", () => {
  const { tree } = parseTree("a: 1\n\nb:\n  - x\n  - y: 2\n    z: 3\n");
  const list = child(tree, "b");
  assert.equal(list?.kind === "list" ? child(list.items[1], "z")?.line : undefined, 6);
});

const yamlish = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: fc.constantFrom(..."ab:-#&*!|>'\"%@`{}[],<? \n\t\r~\\\0".split("")) }),
);

test("parseTree() gives a tree or problems, whatever the text", () => {
  fc.assert(
    fc.property(yamlish, (text) => {
      const { tree, problems } = parseTree(text);
      assert.equal(
        tree === undefined,
        problems.some((p) => p.severity === "error"),
      );
      for (const problem of problems) assert.ok(problem.line >= 1);
    }),
    { numRuns: 2000 },
  );
});
