import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { fleetSection, fleetWarnings } from "./fleet-section.ts";
import { installSection, isInstallable } from "./install-section.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import { expandSpecifiers } from "./specifiers.ts";
import { parseUnitName } from "./unit-name.ts";
import { validateFleetSection } from "./validate-fleet-section.ts";

const NAME = parseUnitName("web@1.service");

function sectionOf(lines: string) {
  return fleetSection(parseUnitFile(`[X-Fleet]\n${lines}`, "x"), NAME);
}

test("fleetSection() of a file without the section asks for nothing", () => {
  assert.deepEqual(
    fleetSection(parseUnitFile("[Service]\nMachineID=a\nGlobal=true\n", "x"), NAME),
    {
      machineId: undefined,
      machineOf: [],
      conflicts: [],
      replaces: [],
      machineMetadata: new Map(),
      global: false,
      onPartition: "keep",
      atMostOnce: false,
    },
  );
});

test("fleetSection() reads every key, older spellings first, with specifiers expanded", () => {
  const lines = `MachineOf=a.service
X-ConditionMachineOf=b.service
Conflicts=%p@*.service
X-Conflicts="c.service" "d %i.service"
Replaces=%N.service
OnPartition=stop
AtMostOnce=yes
`;
  assert.deepEqual(sectionOf(lines), {
    machineId: undefined,
    machineOf: ["b.service", "a.service"],
    conflicts: ["c.service", "d 1.service", "web@*.service"],
    replaces: ["web@1.service"],
    machineMetadata: new Map(),
    global: false,
    onPartition: "stop",
    atMostOnce: true,
  });
});

test("fleetSection() joins values of one metadata key, and ignores what is no pair", () => {
  const lines = `MachineMetadata="az=a" "region=lab"
MachineMetadata=role=node2
MachineMetadata=role=node1
X-ConditionMachineMetadata=az=b
MachineMetadata=a=b=c
MachineMetadata==x
MachineMetadata=x=
`;
  const metadata = sectionOf(lines).machineMetadata;
  assert.deepEqual(
    [...metadata].map(([key, values]) => `${key}=${[...values].join("|")}`),
    ["az=b|a", "region=lab", "role=node2|node1"],
  );
});

test("fleetSection() prefers the newest spelling of MachineID and its first value", () => {
  assert.equal(sectionOf("X-ConditionMachineBootID=c\n").machineId, "c");
  assert.equal(sectionOf("X-ConditionMachineBootID=c\nX-ConditionMachineID=b\n").machineId, "b");
  assert.equal(sectionOf("X-ConditionMachineID=b\nMachineID=a\nMachineID=z\n").machineId, "a");
  assert.equal(sectionOf("MachineID=\n").machineId, "");
});

test("fleetSection() takes the last Global", () => {
  for (const yes of ["true", "YES", "1", "on", "t"])
    assert(sectionOf(`Global=${yes}\n`).global, yes);
  for (const no of ["false", "no", "maybe", ""])
    assert(!sectionOf(`Global=true\nGlobal=${no}\n`).global, no);
});

test("expandSpecifiers() reads once from left to right", () => {
  assert.equal(
    expandSpecifiers("%n %N %p %i %% %%i %h %", NAME),
    "web@1.service web@1 web 1 % %i %h %",
  );
});

const WARNED: readonly (readonly [line: string, message: RegExp, advice: RegExp])[] = [
  ["Foo=bar", /^unrecognized requirement in \[X-Fleet\] section: "Foo"$/, /no effect/],
  ["Conflict=a", /^unrecognized .*"Conflict"$/, /^did you mean Conflicts\?$/],
  ["machineid=a", /"machineid"/, /MachineID/],
  ["X-ConditionMachineMetaData=a=b", /unrecognized/, /X-ConditionMachineMetadata\?/],
  ["MachineMetadata=ssd", /"ssd" is not KEY=VALUE/, /write KEY=VALUE/],
  ['MachineMetadata="a=b" "c"', /"c" is not KEY=VALUE/, /write/],
  ["Global=maybe", /"maybe" is not true or false/, /write true or false/],
  ["OnPartition=sotp", /"sotp" is not keep or stop/, /write/],
  ["MachineID=", /"" is not a value/, /remove/],
];

for (const [line, message, advice] of WARNED)
  test(`fleetWarnings() warns of ${line}`, () => {
    const file = parseUnitFile(`[Service]\nFoo=1\n[X-Fleet]\nGlobal=false\n${line}\n`, "x");
    const [warning, ...more] = fleetWarnings(file);
    assert.deepEqual(more, []);
    assert.equal(warning?.line, 5);
    assert.match(warning.message, message);
    assert.match(warning.advice, advice);
  });

const CONTRADICTIONS: readonly (readonly [lines: string, reason: string])[] = [
  ["Global=true\nMachineOf=foo.service", "Global cannot be used with Peers"],
  ["Global=true\nMachineID=abc", "MachineID cannot be used with Global"],
  ["Global=true\nReplaces=a", "Global cannot be used with Replaces"],
  ["MachineID=a\nMachineOf=b", "MachineID cannot be used with Peers"],
  ["MachineID=a\nConflicts=b", "MachineID cannot be used with Conflicts"],
  ["MachineID=a\nReplaces=b", "MachineID cannot be used with Replaces"],
  ["Conflicts=a\nReplaces=b", "Conflicts cannot be used with Replaces"],
  ["MachineOf=ab\nConflicts=a*", 'unresolvable requirements: peer "ab" matches conflict "a*"'],
  ["MachineOf=ab\nReplaces=a*", 'unresolvable requirements: peer "ab" matches replace "a*"'],
  ["OnPartition=sotp", "OnPartition=sotp is neither keep nor stop"],
  ["Conflicts=[a", '"[a" is not a glob pattern'],
];

for (const [lines, reason] of CONTRADICTIONS)
  test(`validateFleetSection() says ${reason}`, () => {
    const file = parseUnitFile(`[X-Fleet]\n${lines}\n`, "x");
    assert.throws(() => validateFleetSection(file, NAME), {
      code: "UNIT_FILE_INVALID",
      facts: { file: NAME, reason },
    });
  });

test("validateFleetSection() accepts what goes together", () => {
  for (const lines of [
    "",
    "Global=true\nConflicts=a",
    "MachineOf=a\nConflicts=b*",
    "MachineID=a",
    "Global=no\nMachineID=a",
  ])
    validateFleetSection(parseUnitFile(`[X-Fleet]\n${lines}\n`, "x"), NAME);
});

test("any text gives a section, and is valid or UNIT_FILE_INVALID", () => {
  const anyLine = fc.tuple(
    fc.constantFrom(
      "MachineID",
      "MachineOf",
      "MachineMetadata",
      "Conflicts",
      "Replaces",
      "Global",
      "OnPartition",
      "X",
    ),
    fc.string().map((text) => text.replace(/[\r\n\\]/g, '"')),
  );
  fc.assert(
    fc.property(fc.array(anyLine), (lines) => {
      const file = parseUnitFile(
        `[X-Fleet]\n${lines.map((l) => `${l.join("=")}\n`).join("")}`,
        "x",
      );
      fleetSection(file, NAME);
      fleetWarnings(file);
      try {
        validateFleetSection(file, NAME);
      } catch (error) {
        assert(error instanceof Fault && error.code === "UNIT_FILE_INVALID", String(error));
      }
    }),
  );
});

test("installSection() joins lists, and an empty assignment starts over", () => {
  const file = parseUnitFile(
    "[Install]\nWantedBy=a.target\nWantedBy=\nWantedBy=b.target \\\n c.target\nAlias=x.service\nDefaultInstance=1\n",
    "x",
  );
  assert.deepEqual(installSection(file), {
    wantedBy: ["b.target", "c.target"],
    requiredBy: [],
    alias: ["x.service"],
    also: [],
    defaultInstance: "1",
  });
  assert(isInstallable(file));
  assert(!isInstallable(parseUnitFile("[Install]\nWantedBy=\n", "x")));
});
