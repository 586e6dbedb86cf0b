import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { fleetSection } from "./fleet-section.ts";
import { HEALTH_DEFAULTS, parseHealthCheck, splitTcp } from "./health-policy.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import { parseUnitName } from "./unit-name.ts";
import { validateFleetSection } from "./validate-fleet-section.ts";

const NAME = parseUnitName("web@1.service");

function fileOf(lines: string) {
  return parseUnitFile(`[X-Fleet]\n${lines}`, "x");
}

test("parseHealthCheck() tells commands, URLs and ports apart", () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["/usr/bin/check --fast", "command"],
    ["curl -fs localhost | grep ok", "command"],
    ["http://127.0.0.1:8080/health?x=1", "http"],
    ["https://[::1]/", "http"],
    ["tcp:80", "tcp"],
    ["tcp:db.example:5432", "tcp"],
    ["tcp:[::1]:5432", "tcp"],
    ["", undefined],
    ["http://", undefined],
    ["http:/x", undefined],
    ["htp://host/", undefined],
    ["tcp:", undefined],
    ["tcp:0", undefined],
    ["tcp:70000", undefined],
    ["tcp:host:", undefined],
    ["tcp:a:b:80", undefined],
  ];
  for (const [text, kind] of cases) assert.equal(parseHealthCheck(text)?.kind, kind, text);
  assert.deepEqual(splitTcp("tcp:80"), { host: "127.0.0.1", port: 80 });
  assert.deepEqual(splitTcp("tcp:[::1]:80"), { host: "::1", port: 80 });
});

test("fleetSection() reads how health is found out, by instance", () => {
  const lines = `HealthCheck="/usr/bin/check" "%i"
HealthCheck=http://127.0.0.1:808%i/%%20
HealthCheck=tcp:%H:80
HealthInterval=1min
HealthTimeout=500ms
HealthThreshold=1
HealthStart=0
OnUnhealthy=none
OnUnhealthy=move
`;
  assert.deepEqual(fleetSection(fileOf(lines), NAME).health, {
    checks: [
      { kind: "command", text: '"/usr/bin/check" "1"' },
      { kind: "http", text: "http://127.0.0.1:8081/%%20" },
      { kind: "tcp", text: "tcp:%H:80" },
    ],
    intervalMs: 60_000,
    timeoutMs: 500,
    threshold: 1,
    startMs: 0,
    onUnhealthy: "move",
  });
  assert.deepEqual(fleetSection(fileOf("HealthCheck=tcp:80"), NAME).health, {
    checks: [{ kind: "tcp", text: "tcp:80" }],
    ...HEALTH_DEFAULTS,
  });
  assert.equal(fleetSection(fileOf("HealthInterval=5s"), NAME).health, undefined);
});

test("wrong values about health are refused with their line", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["HealthCheck=tcp:0", "line 2: HealthCheck=tcp:0"],
    ["HealthCheck=/x\nHealthInterval=50ms", "line 3: HealthInterval=50ms"],
    ["HealthCheck=/x\nHealthTimeout=never", "line 3: HealthTimeout=never"],
    ["HealthCheck=/x\nHealthThreshold=0", "line 3: HealthThreshold=0"],
    ["HealthCheck=/x\nHealthStart=-1", "line 3: HealthStart=-1"],
    ["HealthCheck=/x\nOnUnhealthy=reboot", '"reboot" is not restart, move or none'],
    ["HealthStart=5s", "has no meaning without HealthCheck"],
    [
      "HealthCheck=/x\nOnUnhealthy=move\nGlobal=true",
      "Global cannot be used with OnUnhealthy=move",
    ],
  ];
  for (const [lines, text] of cases)
    assert.throws(
      () => validateFleetSection(fileOf(lines), NAME),
      (error) =>
        error instanceof Fault &&
        error.code === "UNIT_FILE_INVALID" &&
        error.message.includes(text),
      lines,
    );
});
