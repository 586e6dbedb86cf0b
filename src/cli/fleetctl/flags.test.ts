import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { type FlagSpec, firstArgument, parseFlags } from "./flags.ts";

const SPECS: readonly FlagSpec[] = [
  { names: ["full", "l"], kind: "bool", default: false, help: "" },
  { names: ["strict"], kind: "bool", default: true, help: "" },
  { names: ["fields"], kind: "text", default: "unit", help: "" },
  { names: ["lines", "n"], kind: "int", default: 10, help: "" },
  { names: ["request-timeout"], kind: "float", default: 3, help: "" },
];

function shown(words: string, environment: Record<string, string> = {}): string {
  const { flags, args } = parseFlags(words.split(" ").filter(Boolean), SPECS, environment);
  const values = [
    flags.bool("full"),
    flags.bool("strict"),
    flags.text("fields"),
    flags.number("lines"),
    flags.number("request-timeout"),
  ];
  return `${values.join(" ")} | ${args.join(" ")}`;
}

const ACCEPTED: Readonly<Record<string, string>> = {
  "": "false true unit 10 3 | ",
  "-l": "true true unit 10 3 | ",
  "--l": "true true unit 10 3 | ",
  "-full a": "true true unit 10 3 | a",
  "--full=false --strict=0 a": "false false unit 10 3 | a",
  "a --fields=x,y b": "false true x,y 10 3 | a b",
  "--fields x,y b": "false true x,y 10 3 | b",
  "--fields= b": "false true  10 3 | b",
  "--fields=a=b": "false true a=b 10 3 | ",
  "-n 5 --request-timeout .5": "false true unit 5 0.5 | ",
  "-n5 a": "false true unit 5 3 | a",
  "-fields=x --lines=-1": "false true x -1 3 | ",
  "a -- --full -l": "false true unit 10 3 | a --full -l",
  "- a": "false true unit 10 3 | - a",
  "--lines 1 --lines 2": "false true unit 2 3 | ",
};

for (const [words, expected] of Object.entries(ACCEPTED))
  test(`parseFlags() reads "${words}"`, () => {
    assert.equal(shown(words), expected);
  });

const REFUSED: Readonly<Record<string, RegExp>> = {
  "--ful": /Cannot use flag --ful: there is no such flag here; did you mean --full\?/,
  "-x=secret": /Cannot use flag -x: there is no such flag here$/,
  "a --fields": /Cannot use --fields: it needs a value, as in --fields=VALUE/,
  "--full=maybe": /Cannot use --full with the value "maybe": expected true or false/,
  "--lines 1.5": /Cannot use --lines with the value "1\.5": expected a whole number/,
  "-l5": /Cannot use flag -l5: there is no such flag here/,
  "-nfive": /Cannot use -nfive with the value "five": expected a whole number/,
  "--lines=": /expected a whole number/,
  "--request-timeout=soon": /expected a number/,
};

for (const [words, message] of Object.entries(REFUSED))
  test(`parseFlags() refuses "${words}"`, () => {
    assert.throws(() => shown(words), { code: "USAGE", message });
  });

test("parseFlags() takes flags from the environment, under those of the command line", () => {
  const environment = { FLEETCTL_REQUEST_TIMEOUT: "7", FLEETCTL_FULL: "true", FLEETCTL_FIELDS: "" };
  assert.equal(shown("--request-timeout=9", environment), "true true unit 10 9 | ");
  assert.throws(() => shown("", { FLEETCTL_LINES: "many" }), {
    message: /Cannot use FLEETCTL_LINES with/,
  });
});

test("parseFlags() is total: a result or a USAGE fault", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("--full", "-n", "5", "--", "--fields", "=", "--=", "---"),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        const { args } = parseFlags(words, SPECS);
        assert.ok(args.every((arg) => words.includes(arg)));
      } catch (error) {
        assert.ok(error instanceof Fault && error.code === "USAGE");
      }
    }),
  );
});

test("firstArgument() passes over flags and their values", () => {
  const at = (words: string) => firstArgument(words.split(" "), SPECS);
  assert.equal(at("start foo"), 0);
  assert.equal(at("--full --fields x start"), 3);
  assert.equal(at("--fields=x start"), 1);
  assert.equal(at("-- start"), 1);
  assert.equal(at("--full"), -1);
  assert.equal(at("start --bogus"), 0);
  assert.throws(() => at("--fulls x start"), { code: "USAGE", message: /did you mean --full\?/ });
});
