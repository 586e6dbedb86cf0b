import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { judgeProgress, type Own, planArrival } from "./bootstrap.ts";
import { parseRegistration } from "./registration.ts";
import { type Gathering, parseSize, planRegistration, type Slot, slotsOf } from "./slots.ts";

/** Slots `ID:NAME`, in the order they came. */
function gathering(size: number, ...entries: string[]): Gathering {
  const slots = entries.map((entry, i): Slot => {
    const [id = "", name = ""] = entry.split(":");
    const value = name.startsWith("!") ? name : `${name}=http://h:${id.codePointAt(0)}`;
    const registration = parseRegistration(value);
    return { id, value, registration, createdIndex: i + 1, modifiedIndex: i + 1 };
  });
  return { size, slots };
}

function own(id: string, name: string): Own {
  return { id, name, value: `${name}=http://h:${id.codePointAt(0)}` };
}

const plans: [what: string, Gathering, Own, takesOver: boolean, expected: string][] = [
  ["the first", gathering(2), own("1", "a"), true, "create"],
  ["the last", gathering(2, "1:a"), own("2", "b"), true, "create fills"],
  ["one too many", gathering(2, "1:a", "2:b"), own("3", "c"), true, "surplus"],
  ["once more", gathering(2, "1:a"), own("1", "a"), true, "keep 1"],
  ["once more, not allowed", gathering(2, "1:a"), own("1", "a"), false, "refuse"],
  ["same id, other name", gathering(2, "1:a"), own("1", "b"), true, "refuse"],
  ["same name", gathering(2, "1:a"), own("2", "a"), true, "replace 1"],
  ["same name, full", gathering(2, "1:a", "2:b"), own("3", "a"), true, "replace 1 fills"],
  ["same name, not allowed", gathering(2, "1:a", "2:b"), own("3", "a"), false, "refuse"],
  [
    "same name, others too many",
    gathering(1, "1:a", "2:b"),
    own("3", "a"),
    true,
    "replace 1,2 fills",
  ],
  ["the name of one too many", gathering(1, "1:a", "2:b"), own("3", "b"), true, "surplus"],
];
for (const [what, given, who, takesOver, expected] of plans)
  test(`registering ${what}: ${expected}`, () => {
    const plan = planRegistration(given, who, takesOver);
    const about =
      plan.kind === "keep"
        ? [plan.slot.id]
        : plan.kind === "replace"
          ? [plan.remove.map(({ id }) => id).join()]
          : [];
    const fills = "fills" in plan && plan.fills ? ["fills"] : [];
    assert.equal([plan.kind, ...about, ...fills].join(" "), expected);
  });

const arrivals: [Gathering, Own, expected: string][] = [
  [gathering(2), own("1", "a"), "register"],
  [gathering(2, "1:a"), own("1", "a"), "known"],
  [gathering(2, "1:a", "2:b"), own("1", "a"), "known"],
  [gathering(2, "1:a", "2:b"), own("3", "c"), "full"],
  [gathering(2, "1:a", "2:b"), own("3", "a"), "register without 1"],
  [gathering(2, "1:a", "2:b"), own("1", "z"), "register without 1"],
  [gathering(1, "1:a", "2:b"), own("2", "b"), "full"],
  [gathering(1, "1:a", "2:b"), own("3", "b"), "full"],
];
for (const [given, who, expected] of arrivals)
  test(`${who.id}:${who.name} comes to ${given.slots.map(({ id }) => id).join()} of ${given.size}: ${expected}`, () => {
    const plan = planArrival(given, who);
    const without = plan.kind === "register" ? plan.remove.map(({ id }) => id) : [];
    assert.equal(
      [plan.kind, ...(without.length > 0 ? ["without", without.join()] : [])].join(" "),
      expected,
    );
  });

const progress: [Gathering, Own | undefined, kind: string, says: RegExp][] = [
  [gathering(2, "1:a"), own("1", "a"), "waiting", /"missing":1/],
  [gathering(2, "1:a", "2:b"), own("1", "a"), "complete", /./],
  [gathering(2, "1:a", "2:b"), undefined, "complete", /./],
  [gathering(2, "1:a"), undefined, "waiting", /"names":\["a"\]/],
  [gathering(1, "1:a", "2:b"), own("2", "b"), "full", /./],
  [
    gathering(2, "1:a"),
    own("2", "a"),
    "hopeless",
    /another machine, http:\/\/h:49, registered as a/,
  ],
  [gathering(2, "1:a"), own("2", "b"), "hopeless", /its entry of b was removed/],
  [
    gathering(2, "1:a", "2:a"),
    own("1", "a"),
    "hopeless",
    /two machines there are called a, 1 and 2/,
  ],
  [gathering(2, "1:!x"), undefined, "hopeless", /its entry 1 is "!x"/],
];
for (const [given, who, kind, says] of progress)
  test(`with ${given.slots.map(({ value }) => value).join()} of ${given.size}, ${who?.id ?? "looking on"}: ${kind}`, () => {
    const judged = judgeProgress(given, who);
    assert.equal(judged.kind, kind);
    assert.match("why" in judged ? judged.why : JSON.stringify(judged), says);
  });

test("whoever comes in whatever order, at most `size` names have slots, each one", () => {
  const arrivalsOf = fc.array(
    fc.record({
      id: fc.constantFrom("1", "2", "3", "4", "5", "6", "7"),
      name: fc.constantFrom("a", "b", "c", "d", "e"),
    }),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), arrivalsOf, (size, comers) => {
      let slots: Slot[] = [];
      for (const [i, { id, name }] of comers.entries()) {
        const who = own(id, name);
        const plan = planRegistration({ size, slots }, who, true);
        if (plan.kind === "keep" || plan.kind === "refuse") continue;
        const gone = plan.kind === "replace" ? plan.remove : [];
        const registration = parseRegistration(who.value);
        slots = slots.filter((slot) => !gone.includes(slot));
        const isFull = slots.length >= size;
        slots.push({ ...who, registration, createdIndex: i, modifiedIndex: i });
        assert.equal(isFull, plan.kind === "surplus");
        if (plan.kind !== "surplus") assert.equal(plan.fills, slots.length >= size);
      }
      const names = slots.slice(0, size).map(({ registration }) => registration?.name);
      assert.equal(new Set(names).size, names.length);
    }),
  );
});

test("sizes", () => {
  for (const [text, size] of [
    ["1", 1],
    ["3", 3],
    ["100", 100],
  ] as const)
    assert.equal(parseSize(text), size);
  for (const text of ["0", "-1", "101", "1000", "", "x", " 3", "3 ", "1e1", "0x1"])
    assert.equal(parseSize(text), undefined, text);
});

test("a listing's entries come in the order of their creation, without hidden keys and directories", () => {
  const node = (name: string, createdIndex: number) => ({
    key: `/t/${name}`,
    value: "x",
    createdIndex,
    modifiedIndex: 9,
  });
  const dir = { key: "/t/d", dir: true, createdIndex: 2, modifiedIndex: 2 } as const;
  const nodes = [node("b", 7), node("_config", 1), node("a", 8), dir, node("c", 3)];
  const listing = { key: "/t", dir: true, createdIndex: 1, modifiedIndex: 1, nodes } as const;
  assert.deepEqual(
    slotsOf(listing).map(({ id }) => id),
    ["c", "b", "a"],
  );
});
