import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { hashOf } from "../unit-files.ts";
import { arrivalOrder } from "./arrival-order.ts";
import { type PlannedWrite, planUnits } from "./plan.ts";
import {
  carryOut,
  NOBODY,
  type Sample,
  type SampleUnit,
  sampleCluster,
  sampleMachine,
  shortMachine,
} from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";
import type { SchemaPlan, UnitStateName } from "./schema.ts";

function write(name: string, fleet: readonly string[] = [], desired: UnitStateName = "launched") {
  const lines = fleet.map((line) => `${line}\n`).join("");
  const raw = `[Service]\nExecStart=/bin/sleep 9\n\n[X-Fleet]\n${lines}`;
  return { name: name as UnitName, text: { raw, hash: hashOf(raw) }, desired };
}

function setting(name: string, desired: UnitStateName): PlannedWrite {
  return { name: name as UnitName, text: undefined, desired };
}

function plan(given: Sample, writes: readonly PlannedWrite[], lost: readonly string[] = []) {
  const gone = new Map(lost.map((short) => [sampleMachine(short), "did not say farewell"]));
  return planUnits(sampleCluster(given), { lost: gone, held: NOBODY }, writes);
}

/** `web.service create - a`, then the moves of others. */
function inShort({ units, others }: SchemaPlan): string[] {
  const short = (id: string | null) => (id === null ? "-" : shortMachine(id));
  return [
    ...units.map(({ unit, change, from, to, global, machines: there }) => {
      const where = global ? `all: ${there.map(short).join()}` : short(to);
      return `${unit} ${change} ${short(from)} ${where}`;
    }),
    ...others.map(({ unit, from, to }) => `other ${unit} ${short(from)} ${short(to)}`),
  ];
}

const TWO = { a: "role=web", b: "" };
const CASES: readonly {
  readonly name: string;
  readonly given: Sample;
  readonly writes: readonly PlannedWrite[];
  readonly plan: readonly string[];
}[] = [
  {
    name: "places new units as the engine would, in the order asked",
    given: { machines: TWO, units: { "x.service": { on: "a" } } },
    writes: [write("z.service"), write("y.service")],
    plan: ["z.service create - a", "y.service create - b"],
  },
  {
    name: "says what a submitted unit would not get",
    given: { machines: TWO, units: {} },
    writes: [write("y.service", [], "inactive"), write("t@.service", [], "inactive")],
    plan: ["y.service create - -", "t@.service create - -"],
  },
  {
    name: "leaves a unit where it is whose file is replaced, unless the new file wants it elsewhere",
    given: { machines: TWO, units: { "x.service": { on: "b" }, "y.service": { on: "b" } } },
    writes: [write("x.service"), write("y.service", ["MachineMetadata=role=web"])],
    plan: ["x.service replace b b", "y.service replace b a"],
  },
  {
    name: "places a known unit that is started, and sees one that needs nothing",
    given: {
      machines: TWO,
      units: { "x.service": { desired: "inactive" }, "y.service": { on: "a" } },
    },
    writes: [setting("x.service", "launched"), setting("y.service", "launched")],
    plan: ["x.service update - b", "y.service none a a"],
  },
  {
    name: "has no place for what fits no machine",
    given: { machines: TWO, units: { "c@1.service": { on: "a" } } },
    writes: [write("n.service", ["MachineMetadata=role=db"])],
    plan: ["n.service create - -"],
  },
  {
    name: "tells global units the machines they would run on",
    given: { machines: TWO, units: {} },
    writes: [
      write("g.service", ["Global=true"]),
      write("h.service", ["Global=true", "MachineMetadata=role=web"]),
    ],
    plan: ["g.service create - all: a,b", "h.service create - all: a"],
  },
  {
    name: "tells of units that are replaced, and of those that follow them",
    given: {
      machines: { a: "role=web", b: "" },
      units: {
        "old.service": { on: "a" },
        "beside.service": { on: "a", fleet: ["MachineOf=old.service"] },
      },
    },
    writes: [write("new.service", ["Replaces=old.service", "MachineID=" + sampleMachine("a")])],
    plan: ["new.service create - a", "other old.service a b", "other beside.service a b"],
  },
  {
    name: "tells of units that a global one drives out",
    given: { machines: { a: "" }, units: { "x.service": { on: "a" } } },
    writes: [write("g.service", ["Global=true", "Conflicts=x.service"])],
    plan: ["g.service create - all: a", "other x.service a -"],
  },
  {
    name: "is silent about what waits or moves anyway",
    given: {
      machines: { a: "" },
      units: { "w.service": { fleet: ["MachineMetadata=role=db"] }, "p.service": {} },
    },
    writes: [write("y.service")],
    plan: ["y.service create - a"],
  },
];

for (const { name, given, writes, plan: expected } of CASES)
  test(`planUnits() ${name}`, () => {
    assert.deepEqual(inShort(plan(given, writes)).toSorted(), expected.toSorted());
  });

test("planUnits() says machine by machine why a unit has no place", () => {
  const given: Sample = {
    machines: { a: "", b: "role=web", c: "role=web" },
    units: { "x.service": { on: "b" }, "g.service": { fleet: ["Global=true"] } },
  };
  const wants = ["MachineMetadata=role=web", "Conflicts=x.service", "MachineOf=y.service"];
  const { units } = plan(given, [write("n.service", wants)]);
  assert.deepEqual(
    units[0]?.reasons.map(({ machineID, ...why }) => ({ on: shortMachine(machineID), ...why })),
    [
      { on: "a", fits: false, reason: "MachineMetadata role=web: machine has no role" },
      { on: "b", fits: false, reason: "MachineOf y.service: that unit is placed nowhere" },
      { on: "c", fits: false, reason: "MachineOf y.service: that unit is placed nowhere" },
    ],
  );
  assert.match(units[0].reason, /none of 3 machines fits$/);
});

const PEERS = ["u1.service", "u2.service", "u3.service", "u4.service"];
const machines = fc.dictionary(
  fc.constantFrom("a", "b", "c"),
  fc.constantFrom("", "role=web", "role=db"),
  { minKeys: 1 },
);
const wishes = fc.subarray([
  "MachineMetadata=role=web",
  "Conflicts=u*.service",
  "Conflicts=u2.service",
  "MachineOf=u1.service",
  "Replaces=u3.service",
]);
const fleetLines = fc.oneof(
  wishes,
  fc.constant(["Global=true"]),
  fc.constant(["Global=true", "Conflicts=u4.service"]),
);
const desired = fc.constantFrom<UnitStateName>("inactive", "loaded", "launched");
const units = fc.dictionary(
  fc.constantFrom(...PEERS),
  fc.record({ fleet: fleetLines, desired }).map((unit): SampleUnit => unit),
);
const writes = fc.uniqueArray(
  fc.record({ name: fc.constantFrom(...PEERS, "v.service"), fleet: fleetLines, desired }),
  { selector: ({ name }) => name, minLength: 1 },
);

/** Writes to the model as the API does, at an index of its own. */
function put(model: ReturnType<typeof sampleCluster>, one: PlannedWrite, index: number): void {
  const pairs: [string, string][] = [
    [model.keys.blob(one.text!.hash), JSON.stringify({ Raw: one.text!.raw })],
    [model.keys.job(one.name, "object"), objectOf(one)],
    [model.keys.job(one.name, "target-state"), one.desired],
  ];
  for (const [key, value] of pairs)
    model.apply({ key, after: { value, modifiedIndex: index }, by: undefined });
}

function objectOf({ name, text }: PlannedWrite): string {
  const bytes = (text!.hash.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  return JSON.stringify({ Name: name, UnitHash: bytes });
}

test("when all is written at once, the engine places every unit where the plan has it", () => {
  fc.assert(
    fc.property(machines, units, writes, (present, before, asked) => {
      const sample: Sample = { machines: present, units: before };
      const settled = () => {
        const model = sampleCluster(sample);
        carryOut(model, schedule(model, NOBODY, "all"), 1_000);
        return model;
      };
      const all = asked.map((one) => write(one.name, one.fleet, one.desired));
      const planned = planUnits(settled(), { lost: NOBODY, held: NOBODY }, all);
      const real = settled();
      for (const one of all) put(real, one, 5_000);
      carryOut(real, schedule(real, NOBODY, "all"), 6_000);
      for (const { unit, to } of [...planned.units, ...planned.others])
        assert.equal(real.jobs.get(unit as UnitName)?.target?.value ?? null, to, unit);
      const told = new Set([...planned.units, ...planned.others].map(({ unit }) => unit));
      const untold = settled();
      for (const [name, job] of real.jobs)
        if (!told.has(name))
          assert.equal(job.target?.value, untold.jobs.get(name)?.target?.value, `${name} moved`);
    }),
  );
});

const ANY_TURN = [
  "MachineMetadata=role=web",
  "Conflicts=n1*.service",
  "Conflicts=x.service",
  "Spread=role",
  "Prefer=role=web",
];
for (const [kind, options] of [
  ["that have peers", [...ANY_TURN, "MachineOf=n3.service", "MachineOf=n9.service"]],
  ["of different priority", [...ANY_TURN, "Priority=5", "Priority=-5"]],
] as const)
  test(`new units ${kind} come to the planned places one by one too, in the order of arrivalOrder()`, () =>
    comeOneByOne(options));

function comeOneByOne(options: readonly string[]): void {
  const fresh = fc.uniqueArray(
    fc.record({
      name: fc.integer({ min: 1, max: 12 }).map((n) => `n${n}.service`),
      fleet: fc.subarray([...options]),
    }),
    { selector: ({ name }) => name, minLength: 1 },
  );
  fc.assert(
    fc.property(machines, fresh, fc.nat(), (present, asked, cut) => {
      const sample: Sample = { machines: present, units: { "x.service": { on: "a" } } };
      const all = asked.map(({ name, fleet }) => write(name, fleet));
      const planned = plan(sample, all);
      const real = sampleCluster(sample);
      const order = arrivalOrder(all.map((one) => ({ ...one, wants: wantsOf(one) })));
      for (const [i, one] of order.entries()) {
        put(real, one, 1_000 + 10 * i);
        // The engine hears of one, or of several at once.
        if (((cut >> i) & 1) === 1) continue;
        carryOut(real, schedule(real, NOBODY, "all"), 1_000 + 10 * i + 5);
      }
      carryOut(real, schedule(real, NOBODY, "all"), 9_000);
      for (const { unit, to } of planned.units)
        assert.equal(real.jobs.get(unit as UnitName)?.target?.value ?? null, to, unit);
    }),
    { numRuns: 1000 },
  );
}

function wantsOf({ name, text }: PlannedWrite) {
  return fleetSection(parseUnitFile(text!.raw, name), name);
}

test("planUnits() explains as many units as can be read, and places all of them", () => {
  const names = Array.from({ length: 60 }, (_, i) => `m${i}`);
  const given = { machines: Object.fromEntries(names.map((name) => [name, ""])), units: {} };
  const nowhere = Array.from({ length: 400 }, (_, i) =>
    write(`n${i}.service`, ["MachineMetadata=role=none"]),
  );
  const { units: planned } = plan(given, [...nowhere, write("x.service")]);
  assert.equal(planned.at(-1)?.machines.length, 1);
  assert.equal(planned.filter(({ reasons }) => reasons.length === 60).length, 333);
  for (const { reason } of planned.slice(0, -1)) assert.match(reason, /none of 60 machines fits/);
});
