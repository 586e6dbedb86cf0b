import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import { type BareOption, serialiseUnitFile, unitFileFromOptions } from "./serialise-unit-file.ts";
import { optionValues, UNIT_FILE_LENGTH_MAX, unitDescription } from "./unit-file.ts";

/** Text in which the characters that mean something are frequent. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "[",
        "]",
        "=",
        "\\",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "#",
        ";",
        "\u0085",
        "\ufeff",
      ),
      fc.constantFrom("\n[S]\n", "\nA=", "b", "\\\n", "\\ \n", "[A]\nx=1\n"),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 30 },
  )
  .map((parts) => parts.join(""));

/** The options of a text, or undefined when it is refused; any other error fails the test. */
function optionsOf(text: string): BareOption[] | undefined {
  try {
    return bare(parseUnitFile(text, "x.service").options);
  } catch (error) {
    assert(error instanceof Fault && error.code === "UNIT_FILE_INVALID", String(error));
    assert.equal(typeof error.facts["reason"], "string");
    assert.match(error.message, /^Cannot read x\.service line \d+: /);
    return undefined;
  }
}

function bare(options: readonly BareOption[]): BareOption[] {
  return options.map(({ section, name, value }) => ({ section, name, value }));
}

function grouped(options: readonly BareOption[]): BareOption[] {
  return [...Map.groupBy(options, (option) => option.section).values()].flat();
}

test("parseUnitFile() gives a file or UNIT_FILE_INVALID for any text", () => {
  fc.assert(fc.property(fc.oneof(anyText, fc.string()), (text) => void optionsOf(text)));
});

test("parsing what was serialised gives the same options, grouped by section", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const options = optionsOf(text);
      if (options === undefined) return;
      const again = optionsOf(serialiseUnitFile(options));
      assert.deepEqual(again, grouped(options));
    }),
    { numRuns: 2_000 },
  );
});

test("serialising is stable", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const options = optionsOf(text);
      if (options === undefined) return;
      const once = serialiseUnitFile(options);
      assert.equal(serialiseUnitFile(optionsOf(once) ?? []), once);
    }),
    { numRuns: 2_000 },
  );
});

test("unitFileFromOptions() accepts what a parsed file holds and refuses what would read as something else", () => {
  const anyOption = fc.record({ section: anyText, name: anyText, value: anyText });
  fc.assert(
    fc.property(fc.array(anyOption, { maxLength: 3 }), (options) => {
      try {
        const file = unitFileFromOptions(options, "x.service");
        assert.deepEqual(
          bare(file.options).map((o) => [o.section, o.name]),
          grouped(options).map((o) => [o.section, o.name]),
        );
      } catch (error) {
        assert(error instanceof Fault && error.code === "UNIT_FILE_INVALID", String(error));
      }
    }),
  );
  fc.assert(
    fc.property(anyText, (text) => {
      const options = optionsOf(text);
      if (options !== undefined) unitFileFromOptions(options, "x.service");
    }),
  );
});

const ACCEPTED: readonly { name: string; text: string; options: string[] }[] = [
  { name: "nothing", text: "", options: [] },
  { name: "only comments", text: "# a\n; b\n", options: [] },
  { name: "a missing last newline", text: "[A]\nx=1", options: ["A.x=1"] },
  { name: "a byte order mark and CRLF", text: "\ufeff[A]\r\nx=1\r\n", options: ["A.x=1"] },
  { name: "blanks around name and value", text: "[A]\n  x =  1 2  \n", options: ["A.x=1 2"] },
  { name: "an empty value", text: "[A]\nx=\nx= \n", options: ["A.x=", "A.x="] },
  { name: "an equals sign in the value", text: "[A]\nx=a=b\n", options: ["A.x=a=b"] },
  {
    name: "a continued value",
    text: "[A]\nx=1 \\\n  2\ny=3\n",
    options: ["A.x=1 \\\n  2", "A.y=3"],
  },
  { name: "continuation in CRLF", text: "[A]\r\nx=1 \\\r\n  2\r\n", options: ["A.x=1 \\\n  2"] },
  {
    name: "a comment within a continued value",
    text: "[A]\nx=1\\\n# c\n",
    options: ["A.x=1\\\n# c"],
  },
  {
    name: "a continued value cut by a blank line",
    text: "[A]\nx=1\\\n\ny=2\n",
    options: ["A.x=1\\\n", "A.y=2"],
  },
  { name: "a backslash at the very end", text: "[A]\nx=1\\", options: ["A.x=1\\\n"] },
  { name: "a continued comment", text: "[A]\n# c \\\nx=1\ny=2\n", options: ["A.y=2"] },
  {
    name: "a repeated section",
    text: "[A]\nx=1\n[B]\ny=2\n[A]\nz=3\n",
    options: ["A.x=1", "B.y=2", "A.z=3"],
  },
  { name: "text before the first section", text: "x=1\n[A]\ny=2\n", options: ["A.y=2"] },
];

for (const { name, text, options } of ACCEPTED) {
  test(`parseUnitFile() reads ${name}`, () => {
    const file = parseUnitFile(text, "x.service");
    assert.deepEqual(
      file.options.map((o) => `${o.section}.${o.name}=${o.value}`),
      options,
    );
  });
}

const REFUSED: readonly { text: string; line: number; reason: string; message: RegExp }[] = [
  {
    text: "[Service]\nExecStart=/bin/sleep infinity\nthis line is junk\n",
    line: 3,
    reason: "unexpected newline encountered while parsing option name",
    message: /^Cannot read x line 3: "this line is junk" has no "="; write NAME=VALUE/,
  },
  { text: "[A]\njunk", line: 2, reason: "EOF", message: /has no "="/ },
  {
    text: "[Service\nExecStart=/bin/sleep infinity\n",
    line: 1,
    reason: "unable to find end of section",
    message: /^Cannot read x line 1: the section header "\[Service" has no "\]"/,
  },
  { text: "[A\nx=1\n[B]\n", line: 1, reason: "unable to find end of section", message: /no "\]"/ },
  {
    text: "\n[A] b\n",
    line: 2,
    reason: "found garbage after section name : [98]",
    message: /"b" follows the section header/,
  },
  {
    text: "[A]\nx=1 \\\n 2 \\ \ny=3\n",
    line: 3,
    reason: "found blanks after backslash at the end of a line",
    message: /blanks follow the backslash/,
  },
];

for (const { text, line, reason, message } of REFUSED) {
  test(`parseUnitFile() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseUnitFile(text, "x"), {
      code: "UNIT_FILE_INVALID",
      facts: { file: "x", line, reason },
      message,
    });
  });
}

test("parseUnitFile() reads a file at the limit and refuses one past it", () => {
  const head = "[A]\nx=";
  const body = "y".repeat(UNIT_FILE_LENGTH_MAX - head.length);
  assert.equal(parseUnitFile(head + body, "x").options[0]?.value, body);
  assert.throws(() => parseUnitFile(`${head}${body}y`, "x"), /1048577 characters/);
});

test("parseUnitFile() says which text it ignores", () => {
  const { warnings } = parseUnitFile("\nExecStart=/bin/true\n", "x");
  assert.deepEqual(
    warnings.map(({ line, message }) => ({ line, message })),
    [{ line: 2, message: "text before the first section is ignored" }],
  );
});

test("options tell their lines, values and description", () => {
  const file = parseUnitFile("[Unit]\n# c\nDescription=d\nAfter=a\\\nb\nAfter=c\n", "x");
  assert.deepEqual(
    file.options.map((o) => o.line),
    [3, 4, 6],
  );
  assert.deepEqual(optionValues(file, "Unit", "After"), ["a\\\nb", "c"]);
  assert.equal(unitDescription(file), "d");
});

test("serialiseUnitFile() writes what fleetctl cat prints", () => {
  const text = "# c\n[A]\nx=1  \n\n\n[B]\ny=2\n[A]\nz= 3 \\\n  4\n";
  const { options } = parseUnitFile(text, "x");
  assert.equal(serialiseUnitFile(options), "[A]\nx=1\nz=3 \\\n  4\n\n[B]\ny=2\n");
  assert.equal(serialiseUnitFile([]), "");
});

test("unitFileFromOptions() does not let a value become another option", () => {
  const options = [{ section: "Service", name: "ExecStart", value: "/bin/true\nUser=root" }];
  assert.throws(() => unitFileFromOptions(options, "web.service"), {
    code: "UNIT_FILE_INVALID",
    message:
      /^Cannot use the options of web\.service: option "User" in section "Service" cannot be written|"ExecStart"/,
  });
});
