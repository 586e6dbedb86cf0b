import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { isUnitName, nameWithDefaultType, parseUnitName, unitNameParts } from "./unit-name.ts";

for (const name of [
  "web.service",
  "web@1.service",
  "web@.timer",
  "a.b.socket",
  "x-\\x2d:_.mount",
  "c@a@b.path",
])
  test(`parseUnitName() accepts ${name}`, () => assert.equal(parseUnitName(name), name));

const REFUSED: readonly (readonly [name: string, reason: string])[] = [
  ["", "unit name cannot be empty"],
  ["web", 'unit name must contain "."'],
  ["web.", 'unit name cannot end in "."'],
  ["wrong.conf", 'invalid unit type: "conf"'],
  ["a@b.mount", 'invalid unit type for template: "mount"'],
  ["sp ace.service", "invalid character ' ' in unit name"],
  ["a/b.service", "invalid character '/' in unit name"],
  ["@a.service", 'unit name cannot start in "@"'],
  [".service", 'unit name cannot start in "."'],
  [`${"a".repeat(248)}.service`, "unit name exceeds maximum length (255)"],
];

for (const [name, reason] of REFUSED)
  test(`parseUnitName() refuses ${JSON.stringify(name.slice(0, 20))}`, () => {
    assert.throws(() => parseUnitName(name), {
      code: "UNIT_NAME_INVALID",
      facts: { text: name, reason },
    });
  });

test("parseUnitName() accepts 255 characters", () => {
  assert.equal(parseUnitName(`${"a".repeat(247)}.service`).length, 255);
});

test("parseUnitName() gives the name or UNIT_NAME_INVALID for any text", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((s) => `${s}.service`),
      ),
      (text) => {
        try {
          assert.equal(parseUnitName(text), text);
          assert(isUnitName(text));
          const parts = unitNameParts(text);
          assert.equal(`${parts.stem}.${parts.type}`, text);
        } catch (error) {
          assert(error instanceof Fault && error.code === "UNIT_NAME_INVALID", String(error));
          assert(!isUnitName(text));
        }
      },
    ),
  );
});

const PARTS: readonly (readonly [string, string, string, string, string, string])[] = [
  ["web.service", "plain", "web", "web", "", "-"],
  ["web@.service", "template", "web@", "web", "", "web@.service"],
  ["web@1.service", "instance", "web@1", "web", "1", "web@.service"],
  ["web@a@b.c.timer", "instance", "web@a@b.c", "web", "a@b.c", "web@.timer"],
];

for (const [name, ...expected] of PARTS)
  test(`unitNameParts() takes ${name} apart`, () => {
    const p = unitNameParts(parseUnitName(name));
    assert.deepEqual([p.kind, p.stem, p.prefix, p.instance, p.template ?? "-"], expected);
  });

const DEFAULTS: readonly (readonly [string, string])[] = [
  ["foo", "foo.service"],
  ["foo.service", "foo.service"],
  ["foo.timer", "foo.timer"],
  ["foo@1", "foo@1.service"],
  ["wrong.conf", "wrong.conf.service"],
  ["service", "service.service"],
];

for (const [text, name] of DEFAULTS)
  test(`nameWithDefaultType() makes ${text} ${name}`, () =>
    assert.equal(nameWithDefaultType(text), name));
