import assert from "node:assert/strict";
import { test } from "node:test";
import { parseUnitName } from "#unitfile/core/unit-name.ts";
import { fleetVersion, isOriginal } from "./daemon-version.ts";
import type { MachineId } from "./machine-id.ts";
import { describeMisfit, machineMisfit } from "./misfit.ts";
import { unitOf } from "./unit.ts";

const CASES: readonly (readonly [version: string, is: boolean])[] = [
  ["1.0.0", true],
  ["0.11.8", true],
  ["0.0.0+wasnotbuiltproperly", true], // as recorded of one that was built without its version
  ["1.0.0+git", true],
  [fleetVersion("0.1.0"), false],
  ["", false],
];
for (const [version, is] of CASES)
  test(`isOriginal() of version ${JSON.stringify(version)} is ${is}`, () => {
    assert.equal(isOriginal({ version }), is);
  });

const UNITS: readonly (readonly [line: string, misfit: string | undefined])[] = [
  [
    "AtMostOnce=yes",
    "AtMostOnce: this machine's agent is the original's, which would not stop it in time",
  ],
  [
    "OnPartition=stop",
    "OnPartition: this machine's agent is the original's, which would not stop it in time",
  ],
  ["OnPartition=keep", undefined],
  ["MaxPerMachine=1 *.service", undefined],
];
for (const [line, text] of UNITS)
  test(`a unit with ${line} ${text === undefined ? "fits" : "does not fit"} a machine of the original's`, () => {
    const raw = `[Service]\nExecStart=/bin/true\n[X-Fleet]\n${line}\n`;
    const unit = unitOf(parseUnitName("a.service"), "", raw);
    assert.ok(!("problem" in unit));
    const machine = (version: string) => ({
      id: "a".repeat(32) as MachineId,
      publicIp: "",
      metadata: new Map<string, string>(),
      version,
    });
    const misfit = machineMisfit(unit, machine("1.0.0"));
    assert.equal(misfit && describeMisfit(misfit), text);
    assert.equal(machineMisfit(unit, machine(fleetVersion("0.1.0"))), undefined);
  });
