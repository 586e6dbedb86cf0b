import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { fleetErrors, fleetWarnings } from "./check-fleet-option.ts";
import { fleetSection } from "./fleet-section.ts";
import { isInstallable } from "./install-section.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import { parseUnitName } from "./unit-name.ts";
import { parallelOf } from "./update-policy.ts";
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
      after: [],
      requires: [],
      machineMetadata: [],
      global: false,
      onPartition: "keep",
      atMostOnce: false,
      maxPerMachine: [],
      prefer: [],
      spread: undefined,
      priority: 0,
      memoryBytes: 0,
      millicores: 0,
      update: undefined,
      health: undefined,
      timer: undefined,
    },
  );
});

test("fleetSection() reads every key, older spellings first, with specifiers expanded", () => {
  const lines = `MachineOf=a.service
X-ConditionMachineOf=b.service
Conflicts=%p@*.service
X-Conflicts="c.service" "d %i.service"
Replaces=%N.service
After=db@%i.service cache-%H.service
After=log-*.service
Requires=db@%i.service
OnPartition=stop
AtMostOnce=yes
MaxPerMachine=2
MaxPerMachine=3 db-*.service
Prefer=%p=%i
Prefer="7 disk>=100" "!old"
Spread=zone
Priority=1
Priority=-%i0
MemoryNeed=1.5G
CPUNeed=0.25
UpdateParallel=2
`;
  assert.deepEqual(sectionOf(lines), {
    machineId: undefined,
    machineOf: ["b.service", "a.service"],
    conflicts: ["c.service", "d", "1.service", "web@*.service"],
    replaces: ["web@1.service"],
    after: ["db@1.service", "cache-%H.service", "log-*.service"],
    requires: ["db@1.service"],
    machineMetadata: [],
    global: false,
    onPartition: "stop",
    atMostOnce: true,
    maxPerMachine: [
      { max: 2, group: "web@*.service" },
      { max: 3, group: "db-*.service" },
    ],
    prefer: [
      { weight: 1, condition: { kind: "anyOf", key: "web", values: ["1"], text: "web=1" } },
      {
        weight: 7,
        condition: { kind: "number", key: "disk", operator: ">=", bound: 100, text: "disk>=100" },
      },
      { weight: 1, condition: { kind: "absent", key: "old", text: "!old" } },
    ],
    spread: { key: "zone", group: "web@*.service" },
    priority: -10,
    memoryBytes: 1536 * 2 ** 20,
    millicores: 250,
    update: { parallel: { count: 2 }, order: "stop-first", monitorMs: 5_000 },
    health: undefined,
    timer: undefined,
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
    metadata.map(({ text }) => text),
    ["az=b or az=a", "region=lab", "role=node2 or role=node1"],
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

test("fleetSection() ignores what it does not know or cannot read, as the original does", () => {
  const lines =
    "Foo=bar\nMaxPerMachine=0\nPrefer=0 a=b\nSpread=a b c\nPriority=high\nMemoryNeed=-1\nCPUNeed=1e3\nMachineMetadata=a==b\n";
  assert.deepEqual(sectionOf(lines), sectionOf(""));
});

const WARNED: readonly (readonly [line: string, message: RegExp, advice: RegExp])[] = [
  ["Global=maybe", /has no effect: "maybe" is not true or false/, /write/],
  ["MachineID=", /has no effect: "" is not a value/, /remove/],
  ["MachineOf=", /has no effect: "" is not a value/, /remove/],
];

for (const [line, message, advice] of WARNED)
  test(`fleetWarnings() warns of ${line}`, () => {
    const file = parseUnitFile(`[Service]\nFoo=1\n[X-Fleet]\nGlobal=false\n${line}\n`, "x");
    const [warning, ...more] = fleetWarnings(file, NAME);
    assert.deepEqual(more, []);
    assert.equal(warning?.line, 5);
    assert.match(warning.message, message);
    assert.match(warning.advice, advice);
    assert.deepEqual(fleetErrors(file, NAME), []);
  });

const REFUSED: readonly (readonly [line: string, message: RegExp, advice: RegExp])[] = [
  [
    "Foo=bar",
    /^unrecognized requirement in \[X-Fleet\] section: "Foo"$/,
    /^use one of MachineID, .*CPUNeed, .*, or remove/,
  ],
  ["Conflict=a", /^unrecognized .*"Conflict"$/, /^did you mean Conflicts\?$/],
  ["machineid=a", /"machineid"/, /MachineID\?/],
  ["X-ConditionMachineMetaData=a=b", /unrecognized/, /X-ConditionMachineMetadata\?/],
  ["MemoryNeeds=1G", /unrecognized/, /MemoryNeed\?/],
  ['MachineMetadata="a=b" "c="', /"c=" is not KEY=VALUE, KEY!=VALUE/, /write/],
  ["MachineMetadata=role = web", /"role = web" is not/, /write/],
  ["MachineMetadata=role=web disk>9", /"role=web disk>9" is not/, /write/],
  ["MachineMetadata=!role=web", /"!role=web" is not/, /write/],
  ["MachineMetadata=disk>=big", /"disk>=big" is not.*NUMBER/, /write/],
  ["MachineMetadata=az in a, b", /is not.*KEY in \(A, B\)/, /write/],
  ["Conflicts=a* [b", /"\[b" is not a glob pattern/, /write/],
  ["OnPartition=sotp", /"sotp" is not keep or stop/, /write/],
  ["AtMostOnce=perhaps", /"perhaps" is not yes or no/, /write/],
  ["MaxPerMachine=0", /"0" is not a number of 1 to/, /write/],
  ["MaxPerMachine=1000001", /is not a number of 1 to 1000000/, /write/],
  ["Prefer=1001 a=b", /is not a condition.*weight of 1 to 1000/, /write/],
  ["Spread=zone=a", /is not a key of metadata/, /write/],
  ["Spread=zone x-%m*", /"zone x-%m\*" depends on the machine/, /without %m/],
  ["Priority=1001", /is not a whole number from -1000 to 1000/, /write/],
  ["MemoryNeed=12 MB", /"12 MB" is not bytes above 0 such as 512M/, /write/],
  ["CPUNeed=0", /"0" is not processor cores above 0/, /write/],
];

for (const [line, message, advice] of REFUSED)
  test(`validateFleetSection() refuses ${line} by its line`, () => {
    const file = parseUnitFile(`[Service]\nFoo=1\n[X-Fleet]\nGlobal=false\n${line}\n`, "x");
    const [error, ...more] = fleetErrors(file, NAME);
    assert.deepEqual(more, []);
    assert.equal(error?.line, 5);
    assert.match(error.message, message);
    assert.match(error.advice, advice);
    const reason = `${error.message} in line 5: ${error.advice}`;
    assert.throws(() => validateFleetSection(file, NAME), {
      code: "UNIT_FILE_INVALID",
      message: `Cannot use ${NAME} line 5: ${error.message}; ${error.advice}`,
      facts: { file: NAME, line: 5, reason },
    });
  });

test("validateFleetSection() leaves values that an instance decides to the instances", () => {
  const file = parseUnitFile("[X-Fleet]\nPriority=%i\nMachineMetadata=az=%i\n", "x");
  validateFleetSection(file, parseUnitName("web@.service"));
  validateFleetSection(file, parseUnitName("web@7.service"));
  assert.throws(() => validateFleetSection(file, parseUnitName("web@x.service")), /"x" is not a/);
});

test("validateFleetSection() refuses what only instances or processes can have", () => {
  const refused = [
    ["web.service", "MaxPerMachine=2", /"2" is not a number/],
    ["web.service", "Spread=zone", /"zone" is not a key/],
    ["web.timer", "MemoryNeed=1G", /MemoryNeed in .* has no meaning for a timer/],
    ["web.service", "UpdateParallel=0", /line 2: .*"0" is not a number above 0/],
    ["web.service", "UpdateParallel=120%", /"120%" is not a number above 0/],
    ["web.service", "UpdateOrder=both", /"both" is not stop-first or start-first/],
    ["web.service", "UpdateMonitor=2d", /"2d" is not a time such as 5s/],
    ["web.service", "Global=yes\nUpdateOrder=start-first", /line 3: .* used with Global/],
    ["web.service", "UpdateOrder=start-first\nAtMostOnce=yes", /line 2: .* used with AtMostOnce/],
    ["web.service", "UpdateOrder=start-first\nMachineID=1", /line 2: .* used with MachineID/],
  ] as const;
  for (const [name, line, message] of refused)
    assert.throws(
      () => validateFleetSection(parseUnitFile(`[X-Fleet]\n${line}\n`, "x"), parseUnitName(name)),
      message,
    );
});

test("fleetSection() reads how a unit is updated, and that one without such keys is replaced at once", () => {
  const update = (lines: string) =>
    fleetSection(parseUnitFile(`[X-Fleet]\n${lines}\n`, "x"), NAME).update;
  assert.equal(update("Global=yes"), undefined);
  assert.deepEqual(update("UpdateOrder=start-first"), {
    parallel: { count: 1 },
    order: "start-first",
    monitorMs: 5_000,
  });
  assert.deepEqual(update("UpdateParallel=25%\nUpdateMonitor=1min 30s"), {
    parallel: { percent: 25 },
    order: "stop-first",
    monitorMs: 90_000,
  });
  const parallel = (text: string, members: number) =>
    parallelOf(update(`UpdateParallel=${text}`)!, members);
  assert.deepEqual([parallel("3", 10), parallel("25%", 10), parallel("1%", 10)], [3, 2, 1]);
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
  ["Global=true\nMaxPerMachine=1", "Global cannot be used with MaxPerMachine"],
  ["Global=true\nAtMostOnce=yes", "Global cannot be used with AtMostOnce"],
  ["AtMostOnce=yes\nOnPartition=keep", "OnPartition=keep cannot be used with AtMostOnce"],
  ["Global=true\nPrefer=ssd", "Global cannot be used with Prefer"],
  ["Global=true\nSpread=zone", "Global cannot be used with Spread"],
  ["Global=true\nPriority=3", "Global cannot be used with Priority"],
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
    "Global=true\nMachineMetadata=!role\nMemoryNeed=64M",
    "MachineOf=agent-%m.service web@*.service\nConflicts=%p-%H.service",
    "Prefer=5 zone in (a, b)\nSpread=zone %p*\nPriority=-5\nMaxPerMachine=1 %p-%m*",
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
      "MaxPerMachine",
      "Prefer",
      "Spread",
      "Priority",
      "MemoryNeed",
      "CPUNeed",
      "UpdateParallel",
      "UpdateOrder",
      "UpdateMonitor",
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
      fleetWarnings(file, NAME);
      try {
        validateFleetSection(file, NAME);
      } catch (error) {
        assert(error instanceof Fault && error.code === "UNIT_FILE_INVALID", String(error));
      }
    }),
  );
});

test("isInstallable() goes by what is left of lists that an empty assignment started over", () => {
  const is = (...lines: readonly string[]) =>
    isInstallable(parseUnitFile(`[Install]\n${lines.join("\n")}\n`, "x"));
  assert(is("WantedBy=a.target", "WantedBy=", "WantedBy=b.target \\", " c.target"));
  assert(is("Alias=x.service"));
  assert(!is("WantedBy=a.target", "WantedBy="));
  assert(!is("DefaultInstance=1"));
});

test("OnCalendar, OnMissed and OnOverlap are refused where they cannot mean anything, with their line", () => {
  const refusal = (name: string, text: string) => {
    try {
      validateFleetSection(parseUnitFile(text, name), parseUnitName(name));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const once = "[Service]\nType=oneshot\n";
  assert.equal(
    refusal("a.service", `${once}[X-Fleet]\nOnCalendar=daily\nOnMissed=run\n`),
    undefined,
  );
  for (const [name, text, expected] of [
    [
      "a.service",
      "[X-Fleet]\nOnCalendar=noon\n",
      /line 2: .*"noon" is no day of the week.*write a calendar event such as/,
    ],
    ["a.service", "[X-Fleet]\nOnCalendar=daily\nOnMissed=never\n", /line 3: .*is not skip or run/],
    ["a.service", "[X-Fleet]\nOnOverlap=queue\n", /line 2: .*no meaning without OnCalendar/],
    ["a.timer", "[X-Fleet]\nOnCalendar=daily\n", /line 2: .*is for services/],
    [
      "a.service",
      "[Service]\nRemainAfterExit=yes\n[X-Fleet]\nOnCalendar=daily\n",
      /line 4: .*cannot be used with RemainAfterExit/,
    ],
    [
      "a.service",
      "[X-Fleet]\nGlobal=true\nOnCalendar=daily\n",
      /Global cannot be used with OnCalendar/,
    ],
  ] as const)
    assert.match(refusal(name, text) ?? "accepted", expected);
});
