import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { drainMoves, viewDrain } from "./drain.ts";
import {
  carryOut,
  NOBODY,
  type Sample,
  type SampleUnit,
  sampleCluster,
  sampleMachine,
  settle,
  shortMachine,
} from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

const A = sampleMachine("a");

function drained(sample: Omit<Sample, "draining">, how: "over" | "under way" = "under way") {
  return sampleCluster({ ...sample, draining: { a: how } });
}

function movesOf(model: ClusterModel, room = 4): string[] {
  return drainMoves(model, NOBODY, A, { room, skip: new Set() }).decisions.map((one) =>
    one.kind === "move" ? `${one.unit} to ${shortMachine(one.to)}` : `${one.kind} ${one.unit}`,
  );
}

const CASES: readonly {
  readonly name: string;
  readonly given: Omit<Sample, "draining">;
  readonly room?: number;
  readonly moves: readonly string[];
  /** What becomes of those on the machine. */
  readonly fates: Readonly<Record<string, string>>;
}[] = [
  {
    name: "goes a few at a time, those of high Priority first",
    given: {
      machines: { a: "", b: "", c: "" },
      units: {
        "p.service": { on: "a" },
        "q.service": { on: "a", fleet: ["Priority=5"] },
        "r.service": { on: "a" },
      },
    },
    room: 2,
    moves: ["q.service to b", "p.service to c"],
    fates: { "p.service": "moves", "q.service": "moves", "r.service": "moves" },
  },
  {
    name: "takes along what has to run beside a unit",
    given: {
      machines: { a: "", b: "" },
      units: {
        "db.service": { on: "a" },
        "web.service": { on: "a", fleet: ["MachineOf=db.service"] },
      },
    },
    room: 1,
    moves: ["db.service to b", "web.service to b"],
    fates: { "db.service": "moves", "web.service": "moves" },
  },
  {
    name: "puts no two units together that conflict or are too many, also of one round",
    given: {
      machines: { a: "", b: "", c: "" },
      units: {
        "w@1.service": { on: "a", fleet: ["MaxPerMachine=2 w@*"] },
        "w@2.service": { on: "a", fleet: ["MaxPerMachine=2 w@*"] },
        "w@3.service": { on: "b", fleet: ["Conflicts=x*"] },
        "x1.service": { on: "a" },
        "x2.service": { on: "c" },
      },
    },
    moves: ["w@1.service to b", "w@2.service to c", "x1.service to c"],
    fates: { "w@1.service": "moves", "w@2.service": "moves", "x1.service": "moves" },
  },
  {
    name: "leaves where it is what fits nowhere, with what has to run beside it, and goes on with the rest",
    given: {
      machines: { a: "role=db", b: "" },
      units: {
        "db.service": { on: "a", fleet: ["MachineMetadata=role=db"] },
        "near.service": { on: "a", fleet: ["MachineOf=db.service"] },
        "web.service": { on: "a" },
      },
    },
    moves: ["web.service to b"],
    fates: { "db.service": "waits", "near.service": "waits", "web.service": "moves" },
  },
  {
    name: "moves nothing at the price of another unit's place",
    given: {
      machines: { a: "", b: "disk=ssd" },
      units: {
        "new.service": { on: "a", fleet: ["Replaces=old.service"] },
        "old.service": { on: "b", fleet: ["MachineMetadata=disk=ssd"] },
      },
    },
    moves: [],
    fates: { "new.service": "waits" },
  },
  {
    name: "tells units that are bound to the machine from those that may yet fit elsewhere",
    given: {
      machines: { a: "", b: "" },
      units: {
        "own.service": { on: "a", fleet: [`MachineID=${A}`] },
        "side.service": { on: "a", fleet: ["MachineOf=own.service"] },
      },
    },
    moves: [],
    fates: { "own.service": "stays", "side.service": "stays" },
  },
  {
    name: "does not go round in a ring of units that run beside each other",
    given: {
      machines: { a: "", b: "" },
      units: {
        "p.service": { on: "a", fleet: ["MachineOf=q.service"] },
        "q.service": { on: "a", fleet: ["MachineOf=p.service"] },
      },
    },
    moves: [],
    fates: { "p.service": "waits", "q.service": "waits" },
  },
];
for (const { fates, given, moves, name, room } of CASES)
  test(`a drain ${name}`, () => {
    const model = drained(given);
    const before = [...model.jobs.values()].map(({ target }) => target?.value);
    assert.deepEqual(movesOf(model, room).sort(), [...moves].sort());
    assert.deepEqual(
      [...model.jobs.values()].map(({ target }) => target?.value),
      before,
    );
    const { units } = viewDrain(model, NOBODY, NOBODY, A);
    assert.deepEqual(Object.fromEntries(units.map(({ unit, fate }) => [unit, fate])), fates);
    for (const { fate, reasons } of units) assert.equal(reasons.length > 0, fate === "waits");
  });

test("the scheduler moves nothing by itself in a drain, and everything once its deadline has passed", () => {
  const given = {
    machines: { a: "", b: "" },
    units: {
      "own.service": { on: "a", fleet: [`MachineID=${A}`] },
      "web.service": { on: "a" },
    },
  };
  assert.deepEqual(schedule(drained(given), NOBODY, "all"), []);
  const decisions = schedule(drained(given, "over"), NOBODY, "all");
  assert.deepEqual(
    decisions.map(({ kind, reason, unit }) => [
      kind,
      unit,
      reason.split(";").slice(0, 2).join(";"),
    ]),
    ["unplace own.service", "move web.service"].map((text) => [
      ...text.split(" "),
      "machine is drained by alice: new disk; its deadline has passed",
    ]),
  );
});

const units = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom("p", "q", "r", "s", "t", "u", "v").map((name) => `${name}.service`),
    on: fc.constantFrom("a", "a", "a", "b", "c"),
    fleet: fc.subarray(
      [
        "Conflicts=p.service",
        "MaxPerMachine=2",
        "MachineOf=q.service",
        "Replaces=r.service",
        "MachineMetadata=zone=1",
        "MemoryNeed=1G",
        "Spread=zone",
      ],
      { maxLength: 2 },
    ),
  }),
  { selector: ({ name }) => name, maxLength: 7 },
);

test("whatever the units are: a drain comes to rest, everything it moved fits, and nobody lost his place", () => {
  fc.assert(
    fc.property(units, (all) => {
      const named: Record<string, SampleUnit> = Object.fromEntries(
        all.map(({ name, fleet, on }) => [
          name,
          { on, fleet: fleet.filter((line) => !line.endsWith(`=${name}`)) },
        ]),
      );
      const machines = { a: "zone=1", b: "zone=1", c: "zone=2" };
      const facts = { b: { memoryBytes: 2 ** 31 }, c: { memoryBytes: 2 ** 31 } };
      const model = drained({ machines, facts, units: named });
      // What was impossible from the beginning is settled first, as the engine does.
      settle(model, 1_000);
      const placed = () => [...model.jobs.values()].flatMap((job) => (job.target ? job.name : []));
      const before = placed();
      let rounds = 0;
      for (;;) {
        const { decisions } = drainMoves(model, NOBODY, A, { room: 2, skip: new Set() });
        if (decisions.length === 0) break;
        carryOut(model, decisions, 2_000 + 10 * (rounds += 1));
        assert.ok(rounds <= 10, "it does not end");
        // What waited may have room now; what has a place keeps it.
        const after = schedule(model, NOBODY, "all");
        assert.deepEqual(
          after.filter(({ kind }) => kind === "move" || kind === "unplace"),
          [],
        );
        carryOut(model, after, 3_000 + 10 * rounds);
      }
      assert.deepEqual(
        before.filter((name) => !placed().includes(name)),
        [],
      );
      const board = new Board(model);
      for (const job of model.jobs.values()) {
        const machine = job.target && model.machines.get(job.target.value);
        if (job.unit && machine && machine.id !== A)
          assert.equal(
            board.peerMisfit(job.unit, machine) ?? board.mateMisfit(job.unit, machine),
            undefined,
          );
      }
    }),
    { numRuns: 500 },
  );
});
