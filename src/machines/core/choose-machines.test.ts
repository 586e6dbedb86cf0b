import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseMachines } from "#machines/core/choose-machines.ts";

const MACHINES = ["web-01", "web-02", "db-01", "nova-docker-01"].map((name) => ({ name }));

const CASES: { words: string; chosen: string }[] = [
  { words: "", chosen: "web-01 web-02 db-01 nova-docker-01" },
  { words: "db-01 web-01", chosen: "db-01 web-01" },
  { words: "web-02 web-02", chosen: "web-02" },
  { words: "web", chosen: "web-01 web-02" },
  { words: "web web-01 db", chosen: "web-01 web-02 db-01" },
  { words: "nova-docker", chosen: "nova-docker-01" },
  { words: "*-01", chosen: "web-01 db-01 nova-docker-01" },
  { words: "w?b-0?", chosen: "web-01 web-02" },
  { words: "*", chosen: "web-01 web-02 db-01 nova-docker-01" },
  { words: "*d*", chosen: "db-01 nova-docker-01" },
];

for (const { words, chosen } of CASES)
  test(`chooseMachines() takes "${words}" for ${chosen}`, () => {
    const typed = words === "" ? [] : words.split(" ");
    assert.equal(
      chooseMachines(MACHINES, typed)
        .map(({ name }) => name)
        .join(" "),
      chosen,
    );
  });

const REFUSALS: { word: string; says: RegExp }[] = [
  { word: "web-03", says: /"web-03": there are web-01, web-02, db-01, .*; did you mean web-01$/ },
  { word: "wb", says: /did you mean web$/ },
  { word: "x*", says: /Cannot find machine "x\*": there are web-01/ },
  { word: "", says: /Cannot find machine ""/ },
];

for (const { word, says } of REFUSALS)
  test(`chooseMachines() refuses "${word}"`, () => {
    assert.throws(() => chooseMachines(MACHINES, [word]), {
      code: "MACHINE_NOT_FOUND",
      message: says,
    });
  });

test("chooseMachines() says when there are no machines", () => {
  assert.throws(() => chooseMachines([], ["web"]), { message: /there are no machines/ });
});

test("patterns agree with a regular expression that says the same", () => {
  const letters = fc.constantFrom("a", "b", "*", "?", "-");
  const words = fc.array(letters, { minLength: 1, maxLength: 8 }).map((all) => all.join(""));
  const names = fc
    .array(fc.constantFrom("a", "b", "-"), { maxLength: 8 })
    .map((all) => all.join(""));
  fc.assert(
    fc.property(words, names, (pattern, name) => {
      fc.pre(/[*?]/.test(pattern));
      const same = new RegExp(`^${pattern.replaceAll("*", ".*").replaceAll("?", ".")}$`);
      let isChosen = true;
      try {
        chooseMachines([{ name }], [pattern]);
      } catch {
        isChosen = false;
      }
      assert.equal(isChosen, same.test(name));
    }),
  );
});
