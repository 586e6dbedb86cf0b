import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { InterfaceFacts } from "./machine-facts.ts";
import { parseTree } from "./parse-tree.ts";
import { describeProblem } from "./problem.ts";
import { readCloudConfig } from "./read-cloud-config.ts";
import { substitute } from "./substitute.ts";
import { describeFacts } from "./template-facts.ts";
import { evaluated, FACTS, HEADER, plain, rendered } from "./template-for-tests.ts";
import { isTemplate, markEscapes, templateWarnings, unmaskExpressions } from "./template-mode.ts";
import type { Tree } from "./tree.ts";

for (const { name, yaml, is } of [
  {
    name: "a key that holds",
    yaml: "a:\n  when: metadata.role == 'store'\n  b: 1\nc: 2",
    is: { a: { b: "1" }, c: "2" },
  },
  {
    name: "a key that does not",
    yaml: "a:\n  when: metadata.role != 'store'\n  b: 1\nc: 2",
    is: { c: "2" },
  },
  {
    name: "list items",
    yaml: "l:\n- when: 'true'\n  n: a\n- when: 1 > 2\n  n: b\n- c",
    is: { l: [{ n: "a" }, "c"] },
  },
  {
    name: "a value or another",
    yaml: "a: {when: defined(metadata.x), value: 1, else: 2}\nb: {when: defined(hostname), value: 1, else: 2}",
    is: { a: "2", b: "1" },
  },
  {
    name: "a value that is a list",
    yaml: "a:\n  when: true\n  value: [x, '{{ hostname }}']",
    is: { a: ["x", "node7"] },
  },
  {
    name: "a list item that is a text",
    yaml: "a:\n- {when: true, value: x}\n- {when: false, value: y}",
    is: { a: ["x"] },
  },
  {
    name: "one condition in another",
    yaml: "a: {when: true, value: {when: false, value: 1, else: {when: true, value: 3}}}",
    is: { a: "3" },
  },
  { name: "the whole file", yaml: "when: false\na: 1", is: null },
  { name: "braces around a condition", yaml: "a: {when: '{{ 1 < 2 }}', value: 1}", is: { a: "1" } },
  { name: "an anchor", yaml: "x: &x {when: false, n: 1}\ny: *x\nz: 1", is: { z: "1" } },
] as const)
  test(`when: decides on ${name}`, () => {
    assert.deepEqual(rendered(yaml), { value: is, problems: [] });
  });

for (const { yaml, problem } of [
  {
    yaml: "a:\n  when: hostname\n  value: 1",
    problem:
      'line 4, column 9: error: a.when: "node7" is neither true nor false; compare it (== "…"), or ask defined(FACT)',
  },
  {
    yaml: "a:\n  when: metadata.rol == 'x'\n  value: 1",
    problem:
      'line 4, column 9: error: a.when: metadata.rol is not known of this machine; did you mean "metadata.role"?; known below metadata: disk-type, index, peers, rack, role; or say what else to take: | default("…")',
  },
  {
    yaml: "a:\n  when:\n  value: 1",
    problem: 'line 4: error: a.when: needs a condition, such as metadata.role == "store"',
  },
  {
    yaml: "a:\n  when: true\n  value: 1\n  b: 2",
    problem: "line 6: error: a.b: cannot stand beside value: put it inside",
  },
  {
    yaml: "a:\n  when: true\n  b: 1\n  else: 2",
    problem: "line 6: error: a.else: needs a value: beside it, for when the condition holds",
  },
  {
    yaml: "{{ hostname }}: 1",
    problem:
      "line 3: error: {{ hostname }}: an expression stands in a value only; to have a key on some machines, write when: below it",
  },
  {
    yaml: 'a: "{{ x }} {{ y }}"\nb: "{{ hostname }}"\nc: ["{{ x }}"]',
    problem: "line 3, column 5: error: a: {{ x }}",
  },
] as const)
  test(`the template is refused: ${problem}`, () => {
    const [first] = rendered(yaml).problems;
    assert.ok(first === problem || first?.startsWith(`${problem}:`), first);
  });

test("hostname: is evaluated first, by the name that the machine has had, and is the hostname of all the rest", () => {
  const yaml =
    'coreos:\n  etcd2:\n    name: "$hostname {{ hostname }}"\nhostname: core-{{ hostname }}\n';
  assert.deepEqual(rendered(yaml), {
    value: { coreos: { etcd2: { name: "core-node7 core-node7" } }, hostname: "core-node7" },
    problems: [],
  });
});

test("an expression needs no quotes", () => {
  const yaml =
    'd: "{{ metadata.x | default("y") }} {{ metadata.x | default(\\"z\\") }}"\n' +
    "a: {{ hostname }}\nb: [{{ machine.cpus }}, {{ 'x: y' }}]\nc: http://{{ hostname }}:80";
  const is = { d: "y z", a: "node7", b: ["4", "x: y"], c: "http://node7:80" };
  assert.deepEqual(rendered(yaml), { value: is, problems: [] });
});

test("problems stand where they are written, also in blocks, and say so when that cannot be known", () => {
  const { problems } = rendered('a: |\n  x\n  y {{ no }}\n  {{ no }}\nb: "\\x7b{ no }}"\n');
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, problem.indexOf(": error"))),
    ["line 5, column 5", "line 6, column 3", "line 7"],
  );
});

test("only the mark directly below the header makes a template; what comes near is warned of", () => {
  for (const [text, is, warning] of [
    ["#cloud-config\n## template: keelson\n", true, undefined],
    ["#cloud-config \r\n##template:keelson \r\nx: y", true, undefined],
    ["#cloud-config\n## template: keelson", true, undefined],
    ["#cloud-config\n\n## template: keelson\n", false, /directly below "#cloud-config" only/],
    ["#cloud-config\n# template: keelson\n", false, /directly below/],
    ["#cloud-config\n## template: jinja\n", false, /"jinja" is not known here/],
    ["#cloud-config\nx: y\n## template: keelson\n", false, undefined],
    ["#cloud-config\nx: '{{ y }}'\n", false, undefined],
    ["#cloud-config\nx: docker ps --format '{{ .Names }} {{hostnames}}'\n", false, undefined],
    ["#cloud-config\na: 1\nx: '{{ hostname }}'\n", false, /^line 3: warning: braces stay as they/],
    ["#cloud-config\nx: '{{ interfaces.eth0.ipv4 }}'\n", false, /^line 2: warning: braces stay/],
  ] as const) {
    assert.equal(isTemplate(text), is, text);
    const [told] = templateWarnings(text).map(describeProblem);
    if (warning === undefined) assert.equal(told, undefined);
    else assert.match(told ?? "", warning);
  }
});

test("of a value that could not be filled in nothing more is said", () => {
  const text = `${HEADER}hostname: "core-{{ metadata.gone }}"\n`;
  const { problems } = readCloudConfig(text, FACTS, (data) => data);
  assert.deepEqual(
    problems.map(({ line, key }) => [line, key]),
    [[3, "hostname"]],
  );
});

test("without the mark, braces stay as they are", () => {
  const text = "#cloud-config\nx: '{{ hostname }}'\n";
  const { tree } = parseTree(markEscapes(text));
  assert.deepEqual(plain(substitute(tree!, FACTS, text).tree), { x: "{{ hostname }}" });
});

test("to check a template without its machine, every condition holds and open names have examples", () => {
  const yaml = `
hostname: "{{ reverse(interfaces.enp3s0.ipv4) | split('.') | first }}"
a: {when: metadata.role == "db", value: "{{ metadata.index | add(1) }}"}
b: "{{ default.gateway }} {{ machine.serial }} {{ os.name }} {{ public_ipv6 }}"
c: "{{ machine.idd }}"`;
  const { value, problems } = rendered(yaml, { metadata: { index: "4" }, isExample: true });
  assert.deepEqual(value, {
    hostname: "example",
    a: "5",
    b: "192.0.2.254 1 1 2001:db8::2",
  });
  assert.equal(problems.length, 1);
  assert.match(problems[0] ?? "", /line 7, column 5.*machine\.idd.*did you mean "machine\.id"/);
});

test("without a default route, default is the only interface with an address for others", () => {
  const on = (name: string, address: string) => ({
    name,
    ipv4: [{ address, prefixLength: 24 }],
    ipv6: [],
  });
  const named = (...interfaces: InterfaceFacts[]) => {
    const { defaultRoute: _, ...system } = FACTS.system!;
    const facts = { ...FACTS, system: { ...system, interfaces } };
    return evaluated('{{ default.name | default("none") }}', facts);
  };
  const [lo, local] = [on("lo", "127.0.0.1"), on("eth1", "169.254.3.4")];
  assert.equal(named(lo, local, on("host0", "10.64.0.1")), "host0");
  assert.equal(named(lo, local, on("host0", "10.64.0.1"), on("host1", "10.65.0.1")), "none");
  assert.equal(named(lo, local), "none");
});

test("describeFacts() lists what a template may ask for, so that asking gives the same", () => {
  const described = describeFacts(FACTS);
  assert.ok(described.length > 25);
  for (const { name, value } of described) {
    const expression = typeof value === "object" ? `${name} | join(",")` : name;
    assert.equal(evaluated(`{{ ${expression} }}`), String(value), name);
  }
});

const BITS = [
  "{{",
  "}}",
  "hostname",
  "metadata.x",
  ".",
  "|",
  "default",
  "(",
  ")",
  "'",
  '"',
  "a",
  " ",
  "if",
  "else",
  "and",
  "not",
  "==",
  "<",
  "in",
  "1",
  "-",
  "[",
  "]",
  ",",
  "\\",
  "\n",
  "split",
  "join",
  "replace",
  "each",
  "{}",
  "$private_ipv4",
  "interfaces.eth0.ipv4_list",
  "slice",
  "pad",
  "when",
  "{",
  "}",
  "\uFDD0",
  "\uFDD1",
  "\uFDD2",
] as const;
const anyTemplateText = fc
  .array(fc.oneof(fc.constantFrom(...BITS), fc.string({ maxLength: 5 })), { maxLength: 30 })
  .map((bits) => bits.join(""));

test("whatever a template says, it is evaluated or refused, and never thrown at", () => {
  fc.assert(
    fc.property(anyTemplateText, anyTemplateText, (text, condition) => {
      const a: Tree = { kind: "text", line: 3, text };
      const when: Tree = { kind: "text", line: 4, text: condition };
      const tree: Tree = {
        kind: "map",
        line: 3,
        entries: [
          { key: "a", line: 3, value: a },
          {
            key: "b",
            line: 4,
            value: { kind: "map", line: 4, entries: [{ key: "when", line: 4, value: when }] },
          },
        ],
      };
      const result = substitute(tree, FACTS, `${HEADER}a: ${text}\nb: {when: ${condition}}\n`);
      for (const { line, message } of result.problems) assert.ok(line >= 1 && message !== "");
    }),
    { numRuns: 3000 },
  );
});

test("whatever the text of user-data is, marking it for YAML keeps its length, and is undone", () => {
  fc.assert(
    fc.property(anyTemplateText, (text) => {
      const marked = markEscapes(HEADER + text);
      assert.equal(marked.length, HEADER.length + text.length);
      if (/[\uFDD0-\uFDEF]/.test(text)) return;
      assert.equal(unmaskExpressions(marked).replaceAll("\uFDD0", "\\"), HEADER + text);
    }),
    { numRuns: 2000 },
  );
});

test("no fact becomes structure: whatever facts say, only texts differ", () => {
  const yaml = `hostname: {{ hostname }}
a: "{{ metadata.role }}"
b: [{{ metadata.role }}, '{{ hostname | upper }}']
c: |
  x={{ metadata.role | default("") }}
  y={{ machine.id }}
d: {e: "{{ reverse(default.ipv4) }}", f: {when: metadata.role != "no", value: 1}}
`;
  const shape = (tree: Tree): unknown => {
    if (tree.kind === "list") return tree.items.map(shape);
    if (tree.kind !== "map") return tree.kind;
    return tree.entries.map(({ key, line, value }) => [key, line, shape(value)]);
  };
  const text = HEADER + yaml;
  const { tree } = parseTree(markEscapes(text));
  const expected = shape(substitute(tree!, FACTS, text).tree);
  const wild = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "a: b",
      "- x",
      "\n  evil: 1",
      "{{ hostname }}",
      "'",
      '"',
      "#",
      "$private_ipv4",
      "!!binary x",
      "null",
    ),
  );
  fc.assert(
    fc.property(wild, wild, wild, (hostname, role, name) => {
      const system = { ...FACTS.system!, reverseNames: { "192.0.2.7": name }, machineId: name };
      const result = substitute(tree!, { ...FACTS, hostname, metadata: { role }, system }, text);
      assert.deepEqual(result.problems, []);
      assert.deepEqual(shape(result.tree), expected);
      const c = result.tree.kind === "map" ? result.tree.entries[3]?.value : undefined;
      assert.equal(c?.kind === "text" && c.text.split("\n").length, 3, "a fact is one line");
    }),
    { numRuns: 1000 },
  );
});

test("what an expression makes is bounded, however much it asks for", () => {
  for (const [expression, message] of [
    [`'${"a".repeat(200)}'${" | replace('a', 'aaaaaaaa')".repeat(8)}`, /becomes longer than 65536/],
    [
      `'${"a,".repeat(100)}' | split(',')${" | each('{}{}{}{}{}{}{}{}')".repeat(8)} | join`,
      /an item longer than 4096/,
    ],
    [
      `'${"a".repeat(40)}'${" | replace('a', 'a,a,')".repeat(6)} | split(',') | length`,
      /more than 1000 parts/,
    ],
    [`'${"a".repeat(300)}'${" | json | base64".repeat(20)}`, /becomes longer than 65536/],
  ] as const) {
    const [problem] = rendered(`x: |-\n  {{ ${expression} }}`).problems;
    assert.match(problem ?? "", message);
  }
  const big =
    "{{ 'aaaaaaaa' | replace('a', 'bbbbbbbb') | replace('b', 'cccccccc') | replace('c', 'dddddddd') }}";
  const { problems } = rendered(`x: |-\n  ${big.repeat(5000)}`);
  assert.match(problems[0] ?? "", /make more than 16777216 characters together/);
  assert.ok(problems.length <= 100);
});
