import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { Job } from "./cluster-model.ts";
import { readUnitRequest } from "./unit-request.ts";

const SLEEP = '{"section":"Service","name":"ExecStart","value":"/bin/sleep infinity"}';
const RAW = "[Service]\nExecStart=/bin/sleep infinity\n";
const THERE: Job = {
  name: "a.service" as UnitName,
  hash: RAW,
  submittedIndex: 1,
  unit: undefined,
  desired: "loaded",
  isDesiredSaid: true,
  desiredIndex: 1,
  target: undefined,
  targetUnreadable: false,
  launchedOn: undefined,
};

/** For these tests a unit's hash is its text; a.service is there. */
function read(name: string, body: string) {
  return readUnitRequest(
    name,
    body,
    (n) => (n === THERE.name ? THERE : undefined),
    (raw) => raw,
    NOW_MS,
  );
}

const NOW_MS = Date.UTC(2026, 10, 21, 12);

const fleet = (...lines: string[]) =>
  `{"options":[${lines.map((l) => `{"section":"X-Fleet","name":"${l.split("=")[0]}","value":"${l.split("=")[1]}"}`).join(",")}]}`;
const REFUSED: readonly (readonly [name: string, body: string, status: number, message: string])[] =
  [
    [
      "a.service",
      '{"name":"b.service","desiredState":"loaded"}',
      400,
      'name in URL "a.service" differs from unit name in request body "b.service"',
    ],
    [
      "a.service",
      '{"desiredState":"bogus"}',
      400,
      'invalid desired state "bogus": expected inactive, loaded or launched',
    ],
    [
      "a.scope",
      `{"desiredState":"loaded","options":[${SLEEP}]}`,
      400,
      'cannot use "a.scope": systemd makes scopes itself and reads no files for them; write a service',
    ],
    ["a.service", "{}", 409, "must provide DesiredState to update existing unit"],
    [
      "a.service",
      `{"options":[${SLEEP}]}`,
      409,
      "must provide DesiredState to update existing unit",
    ],
    [
      "new.service",
      '{"desiredState":"launched"}',
      409,
      "unit does not exist and options field empty",
    ],
    ["noext", `{"options":[${SLEEP}]}`, 400, 'unit name must contain "."'],
    ["bad.foo", `{"options":[${SLEEP}]}`, 400, 'invalid unit type: "foo"'],
    ["b c.service", `{"options":[${SLEEP}]}`, 400, "invalid character ' ' in unit name"],
    [
      "_x.service",
      `{"options":[${SLEEP}]}`,
      400,
      'cannot use "_x.service": it begins with _; use another name',
    ],
    ["@x.service", `{"options":[${SLEEP}]}`, 400, 'unit name cannot start in "@"'],
    ["x@y.mount", `{"options":[${SLEEP}]}`, 400, 'invalid unit type for template: "mount"'],
    [
      "t2@.service",
      `{"desiredState":"launched","options":[${SLEEP}]}`,
      400,
      'cannot activate template "t2@.service"',
    ],
    [
      "new.service",
      fleet("Global=true", "MachineOf=a.service"),
      400,
      "Global cannot be used with Peers",
    ],
    [
      "new.service",
      fleet("MachineOf=a.service", "Conflicts=a*"),
      400,
      'unresolvable requirements: peer "a.service" matches conflict "a*"',
    ],
    [
      "new.service",
      fleet("MachineID=1", "Conflict=a"),
      400,
      'unrecognized requirement in [X-Fleet] section: "Conflict" in line 3: did you mean Conflicts?',
    ],
    [
      "new.service",
      fleet("MachineID=1", "MachineOf=a.service"),
      400,
      "MachineID cannot be used with Peers",
    ],
    [
      "new.service",
      fleet("MachineID=1", "Conflicts=a*"),
      400,
      "MachineID cannot be used with Conflicts",
    ],
  ];
for (const [name, body, status, message] of REFUSED)
  test(`readUnitRequest() refuses ${body.slice(0, 60)} for ${name}`, () => {
    assert.deepEqual(read(name, body), { kind: "refuse", status, message });
  });

test("readUnitRequest() creates, replaces and updates", () => {
  assert.deepEqual(read("n.service", `{"desiredState":"launched","options":[${SLEEP}]}`), {
    kind: "create",
    name: "n.service",
    raw: RAW,
    desired: "launched",
    replaces: false,
  });
  assert.deepEqual(read("t@.service", `{"options":[${SLEEP}]}`), {
    kind: "create",
    name: "t@.service",
    raw: RAW,
    desired: "inactive",
    replaces: false,
  });
  assert.deepEqual(
    read("a.service", '{"options":[{"section":"Unit","name":"After","value":"b"}]}'),
    {
      kind: "create",
      name: "a.service",
      raw: "[Unit]\nAfter=b\n",
      desired: "inactive", // as in the original, whose fleetctl counts on it
      replaces: true,
    },
  );
  assert.deepEqual(read("a.service", `{"desiredState":"inactive","options":[${SLEEP}]}`), {
    kind: "update",
    name: "a.service",
    desired: "inactive",
  });
});

test("readUnitRequest() lets be what another client put into the store", () => {
  const raw = "[X-Fleet]\nConflict=b\n";
  const update = (body: string) =>
    readUnitRequest(
      "a.service",
      body,
      () => ({ ...THERE, hash: raw }),
      (text) => text,
      NOW_MS,
    );
  const body = fleet("Conflict=b").replace("{", '{"desiredState":"launched",');
  assert.deepEqual(update(body), { kind: "update", name: "a.service", desired: "launched" });
  assert.equal(update(body.replace('"b"', '"c"')).kind, "refuse");
});

test("readUnitRequest() refuses a calendar that is past, unless another date is to come", () => {
  const past = read("b.service", fleet("OnCalendar=2026-11-21 11:59", "OnCalendar=2020-01-01"));
  assert.deepEqual(past, {
    kind: "refuse",
    status: 400,
    message:
      "OnCalendar=2026-11-21 11:59, OnCalendar=2020-01-01 is past: the unit would never be started",
  });
  for (const one of [
    "2026-11-21 12:00:01",
    "2026-11-21 13:00",
    "daily",
    "2026-11-21 11:30 America/New_York",
  ])
    assert.equal(
      read("b.service", fleet("OnCalendar=2020-01-01", `OnCalendar=${one}`)).kind,
      "create",
    );
});

test("readUnitRequest() never throws", () => {
  const bodies = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .string()
      .map((value) => JSON.stringify({ options: [{ section: "Service", name: value, value }] })),
  );
  fc.assert(fc.property(fc.string(), bodies, (name, body) => void read(name, body)));
});
