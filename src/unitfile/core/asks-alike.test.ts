import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { asksAlike } from "./asks-alike.ts";
import { fleetSection } from "./fleet-section.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import { parseUnitName } from "./unit-name.ts";

const names = ["web@1.service", "web@22.service", "db.service", "web@.service"].map((name) =>
  parseUnitName(name),
);
const KEYS = [
  "MachineID",
  "MachineOf",
  "Conflicts",
  "Replaces",
  "MachineMetadata",
  "Global",
  "OnPartition",
  "AtMostOnce",
  "Prefer",
  "Spread",
  "MaxPerMachine",
  "Priority",
  "MemoryNeed",
  "CPUNeed",
  "After",
  "Requires",
  "UpdateParallel",
  "HealthCheck",
  "OnCalendar",
];
const VALUES = [
  "web@*.service",
  "web@%i.service",
  "zone=a",
  "10 zone=%p",
  "2",
  "zone",
  "yes",
  "stop",
  "8G",
  "%n",
];

test("what asks alike reads the same under every name", () => {
  const line = fc.tuple(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 5 }), (lines) => {
      const text = `[X-Fleet]\n${lines.map(([key, value]) => `${key}=${value}\n`).join("")}`;
      const file = parseUnitFile(text, "x.service");
      if (!asksAlike(file)) return;
      const [first, ...others] = names.map((name) => fleetSection(file, name));
      for (const other of others) assert.deepEqual(other, first);
    }),
    { numRuns: 2_000 },
  );
});

test("a text without names asks alike; one with a specifier, or that counts its own kind, may not", () => {
  const isAlike = (section: string) =>
    asksAlike(parseUnitFile(`[X-Fleet]\n${section}\n`, "x.service"));
  assert.equal(isAlike("MachineMetadata=role=a\nConflicts=web@*.service"), true);
  assert.equal(isAlike(""), true);
  assert.equal(isAlike("Conflicts=%p@*.service"), false);
  assert.equal(isAlike("MaxPerMachine=1"), false);
  assert.equal(isAlike("Later=thing"), false);
});
