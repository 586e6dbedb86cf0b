import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  expandMachineSpecifiers,
  expandUnitSpecifiers,
  hasMachineSpecifier,
} from "./specifiers.ts";
import { parseUnitName } from "./unit-name.ts";

const MACHINE = { id: "beef", facts: { hostName: "core-01.example.com" } };

function expand(value: string, name: string, machine?: typeof MACHINE): string {
  return expandMachineSpecifiers(expandUnitSpecifiers(value, parseUnitName(name)), machine);
}

const CASES: readonly (readonly [value: string, name: string, expanded: string])[] = [
  ["%n %N %p %i", "web@1.service", "web@1.service web@1 web 1"],
  ["%n %N %p %i|", "web.service", "web.service web web |"],
  ["%j %J", "app-web\\x2dfront@1.service", "web\\x2dfront web-front"],
  ["%p %P", "var-lib\\x2da.mount", "var-lib\\x2da var/lib-a"],
  ["%i %I", "mount@srv-\\xc3\\xa9.service", "srv-\\xc3\\xa9 srv/é"],
  ["%I", "x@\\x25m.service", "%m"],
  ["%m %H %l", "a.service", "beef core-01.example.com core-01"],
  ["%% %%i %%m %h %", "web@1.service", "% %i %m %h %"],
];

for (const [value, name, expanded] of CASES)
  test(`${value} is ${expanded} for ${name}`, () => {
    assert.equal(expand(value, name, MACHINE), expanded);
  });

test("what is not known of a machine stays as it is", () => {
  assert.equal(expand("%m %H %%", "a.service"), "%m %H %");
  const silent = { id: "beef", facts: { hostName: undefined } };
  assert.equal(expandMachineSpecifiers("%m %H %l", silent), "beef %H %l");
});

test("hasMachineSpecifier() is true exactly where two machines differ", () => {
  const other = { id: "cafe", facts: { hostName: "core-02" } };
  const anyValue = fc.array(fc.constantFrom("%", "m", "H", "l", "i", "a")).map((c) => c.join(""));
  fc.assert(
    fc.property(anyValue, (value) => {
      const differs =
        expandMachineSpecifiers(value, MACHINE) !== expandMachineSpecifiers(value, other);
      assert.equal(hasMachineSpecifier(value), differs);
    }),
  );
});
