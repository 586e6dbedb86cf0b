import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { joinEqualKeys, meetsCondition, parseConditions } from "./metadata-condition.ts";

const MACHINES: Readonly<Record<string, string>> = {
  a: "role=web zone=eu-1 disk=100",
  b: "role=db zone=eu-2 disk=2K ssd=yes",
  c: "zone=us-1 disk=big",
  d: "",
};

function machine(name: string, text: string) {
  const metadata = new Map(
    text.split(" ").flatMap((pair) => (pair ? [pair.split("=") as [string, string]] : [])),
  );
  return { id: name, metadata, facts: { hostName: `host-${name}` } };
}

function meeting(...values: string[]): string {
  const conditions = joinEqualKeys(values.flatMap(parseConditions));
  assert.notEqual(conditions.length, 0, `no condition in ${values.join(", ")}`);
  return Object.entries(MACHINES)
    .filter(([name, text]) => conditions.every((one) => meetsCondition(one, machine(name, text))))
    .map(([name]) => name)
    .join("");
}

const CASES: readonly (readonly [values: readonly string[], fit: string])[] = [
  [["role=web"], "a"],
  [["role=web", "role=db"], "ab"],
  [["role=web", "role=db", "zone=eu-2"], "b"],
  [["role=web", "role=web"], "a"],
  [["role=web zone=us-1"], ""],
  [["role=web zone=eu-1"], "a"],
  [["role!=web"], "bcd"],
  [["role!=web", "role!=db"], "cd"],
  [["role != web"], "bcd"],
  [["role=web", "role!=web"], ""],
  [["role in (web, db)"], "ab"],
  [["role in (web, db)", "role in (db)"], "b"],
  [["role notin (web,db)"], "cd"],
  [["ssd"], "b"],
  [["!role"], "cd"],
  [["! role"], "cd"],
  [["disk>=100"], "ab"],
  [["disk > 100"], "b"],
  [["disk<2K"], "a"],
  [["disk<=2K"], "ab"],
  [["disk<=2048 disk>99"], "ab"],
  [["disk>-1"], "ab"],
  [["zone=eu-*"], "ab"],
  [["zone=[au]*"], "c"],
  [["zone!=eu-*"], "cd"],
  [["zone in (us-?, eu-1)"], "ac"],
];

for (const [values, fit] of CASES)
  test(`MachineMetadata ${values.join(" and ")} fits ${fit || "none"}`, () => {
    assert.equal(meeting(...values), fit);
  });

test("a value that looks like a glob is also what it says", () => {
  const [condition] = parseConditions("path=[x]*");
  assert(condition && meetsCondition(condition, machine("x", "path=[x]*")));
  assert(meetsCondition(condition, machine("x", "path=xy")));
});

test("values name the machine that is looked at", () => {
  const [own] = parseConditions("home=%m-%H");
  assert(own && meetsCondition(own, machine("q", "home=q-host-q")));
  assert(!meetsCondition(own, machine("r", "home=q-host-q")));
});

test("what is no condition is none", () => {
  for (const bad of ["", "=", "a=", "=b", "a=b=c", "a==b", "a!=", "!", "a in b", "a in ()"])
    assert.deepEqual(parseConditions(bad), [], bad);
  for (const bad of ["a in (b,)", "a>x", "a>", "a b c", "a >< 1", "a=b c=d e", "in (a)"])
    assert.deepEqual(parseConditions(bad), [], bad);
});

test("the original's forms mean what they mean there: any value of a key, for every key", () => {
  const word = fc.constantFrom("a", "b", "c.d", "e-f", "x y", "1");
  const pairs = fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(pairs, fc.dictionary(word, word), (wanted, has) => {
      const conditions = joinEqualKeys(
        wanted.flatMap(([key, value]) => parseConditions(`${key}=${value}`)),
      );
      const metadata = new Map(Object.entries(has));
      const fits = conditions.every((one) => meetsCondition(one, { id: "m", metadata }));
      const expected = wanted.every(([key]) =>
        wanted.some(([other, value]) => other === key && metadata.get(key) === value),
      );
      assert.equal(fits, expected);
    }),
  );
});

test("parseConditions() never throws, and what it makes of a text it makes of that one's text", () => {
  const anyText = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom("a", "=", "!", "<", ">", " ", "in", "(", ",", ")", "1"), {
        maxLength: 9,
      })
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      for (const condition of parseConditions(text))
        assert.deepEqual(parseConditions(condition.text), [condition]);
    }),
    { numRuns: 2000 },
  );
});
