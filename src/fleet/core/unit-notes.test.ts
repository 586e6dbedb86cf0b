import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { FleetKeys } from "./fleet-keys.ts";
import type { MachineId } from "./machine-id.ts";
import { readOnceHolder } from "./once-holder.ts";
import { NoteTable } from "./unit-notes.ts";

const UNIT = "web@1.service" as UnitName;
const MACHINE = "a".repeat(32) as MachineId;
const OTHER = "b".repeat(32) as MachineId;

test("a key of a note is told from others and found again", () => {
  const keys = new FleetKeys("/fleet");
  const general = { kind: "note", room: "once", unit: UNIT, machine: undefined } as const;
  assert.deepEqual(keys.parse(keys.note("once", UNIT)), general);
  assert.deepEqual(keys.parse(keys.note("once", UNIT, MACHINE)), { ...general, machine: MACHINE });
  for (const key of [
    "once/web",
    `once/${UNIT}/here`,
    `once/${UNIT}/${MACHINE}/more`,
    "twice/a.service",
  ])
    assert.deepEqual(keys.parse(`/fleet/${key}`), { kind: "unknown" }, key);
});

test("a table keeps what can be read, unit by unit and machine by machine", () => {
  const table = new NoteTable(readOnceHolder);
  const note = (machine: MachineId, modifiedIndex: number) => ({
    value: JSON.stringify({ machine }),
    modifiedIndex,
  });
  assert.equal(table.set({ unit: UNIT, machine: undefined }, note(MACHINE, 3)), undefined);
  assert.equal(table.set({ unit: UNIT, machine: OTHER }, note(OTHER, 4)), undefined);
  assert.deepEqual(table.get(UNIT), { value: { machine: MACHINE }, index: 3 });
  assert.deepEqual([...table.of(UNIT)], [[OTHER, { value: { machine: OTHER }, index: 4 }]]);
  const problem = table.set({ unit: UNIT, machine: undefined }, { value: "{}", modifiedIndex: 5 });
  assert.match(problem ?? "", /machine/);
  assert.equal(table.get(UNIT), undefined);
  table.set({ unit: UNIT, machine: OTHER }, undefined);
  assert.deepEqual([...table.units()], []);
});
