import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseDurationMs, parseInteger } from "./flag-values.ts";
import { type Flag, type FlagPlace, parseFlags } from "./flags.ts";

const FLAGS: Flag[] = [
  { name: "ttl", kind: "integer", usage: "" },
  { name: "recursive", alias: "r", kind: "bool", usage: "" },
  { name: "output", alias: "o", kind: "text", usage: "" },
  { name: "timeout", kind: "duration", usage: "" },
];

const CASES: [line: string, place: FlagPlace, result: string][] = [
  ["a b", "anywhere", "a b"],
  ["--ttl 5 a b", "anywhere", "ttl=5 a b"],
  ["-ttl=5 a", "anywhere", "ttl=5 a"],
  ["a --ttl 5 b", "anywhere", "ttl=5 a b"],
  ["a --ttl 5 --ttl 6", "anywhere", "ttl=6 a"],
  ["-r a", "anywhere", "recursive=true a"],
  ["a --recursive=false b", "anywhere", "recursive=false a b"],
  ["a -r b", "anywhere", "recursive=true a b"],
  ["-o json a", "anywhere", "output=json a"],
  ["-o -r", "anywhere", "output=-r"],
  ["a -1", "anywhere", "a -1"],
  ["a -- --ttl 5", "anywhere", "a --ttl 5"],
  ["-- -a -- b", "anywhere", "-a -- b"],
  ["a -", "anywhere", "a -"],
  ["-r ls -r x", "leading", "recursive=true ls -r x"],
  ["-r -- ls", "leading", "recursive=true ls"],
  ["-1 a", "anywhere", "! flag provided but not defined: -1"],
  ["--nope=3", "anywhere", "! flag provided but not defined: -nope"],
  ["---x", "anywhere", "! bad flag syntax: ---x"],
  ["-=3", "anywhere", "! bad flag syntax: -=3"],
  ["a --ttl", "anywhere", "! flag needs an argument: -ttl"],
  ["--ttl x", "anywhere", '! invalid value "x" for flag -ttl: parse error'],
  [
    "--ttl 9999999999999999999",
    "anywhere",
    '! invalid value "9999999999999999999" for flag -ttl: value out of range',
  ],
  ["--timeout 5", "anywhere", '! invalid value "5" for flag -timeout: parse error'],
  ["-r=maybe", "anywhere", '! invalid boolean value "maybe" for -r: parse error'],
];

for (const [line, place, result] of CASES)
  test(`parseFlags() of "${line}", flags ${place}`, () => {
    const { values, args, mistake } = parseFlags(FLAGS, line.split(" "), place);
    if (mistake !== undefined) return assert.equal(`! ${mistake}`, result);
    const given = FLAGS.filter(({ name }) => values.has(name));
    const shown = given.map(({ name }) => `${name}=${values.text(name)}`);
    assert.equal([...shown, ...args].join(" "), result);
  });

test("parseFlags() takes any line without throwing, and loses no argument after --", () => {
  const word = fc.oneof(fc.constantFrom("-", "--", "-r", "--ttl", "5", "-o=x"), fc.string());
  fc.assert(
    fc.property(fc.array(word), fc.array(fc.string()), (line, rest) => {
      const { args, mistake } = parseFlags(FLAGS, [...line, "a", "--", ...rest], "anywhere");
      if (mistake === undefined && !line.includes("--")) {
        const last = line.at(-1) ?? "";
        const swallows = /^--?(ttl|o|output|timeout)$/.test(last);
        if (!swallows) assert.deepEqual(args.slice(args.length - rest.length), rest);
      }
    }),
  );
});

test("parseInteger() reads Go's bases", () => {
  const cases = { "0": 0, "-5": -5, "+7": 7, "0x1F": 31, "0b101": 5, "0o17": 15, "017": 15 };
  for (const [text, number] of Object.entries(cases)) assert.equal(parseInteger(text), number);
  for (const text of ["", "5x", "1.5", "--5", "09"])
    assert.equal(parseInteger(text), "parse error");
});

test("parseDurationMs() reads Go's durations", () => {
  const cases = {
    "0": 0,
    "2s": 2000,
    "1m30s": 90_000,
    "1.5h": 5_400_000,
    "-1ms": -1,
    "1us": 0.001,
  };
  for (const [text, ms] of Object.entries(cases)) assert.equal(parseDurationMs(text), ms);
  for (const text of ["", "5", "s", "1x", "1s ", "1s-2s"])
    assert.equal(parseDurationMs(text), undefined);
});
