import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { explain } from "./explain.ts";
import {
  carryOut,
  type Sample,
  type SampleUnit,
  sampleCluster,
  sampleMachine,
  shortMachine,
} from "./sample-cluster.ts";
import { type Decision, schedule } from "./schedule.ts";

const CASES: readonly {
  name: string;
  given: Sample;
  lost?: readonly string[];
  plan: readonly string[];
}[] = [
  {
    name: "does nothing when every unit is where it belongs",
    given: { machines: { a: "", b: "" }, units: { "web.service": { on: "a" } } },
    plan: [],
  },
  {
    name: "spreads new units, least loaded first, ties to the lowest id",
    given: {
      machines: { a: "", b: "" },
      units: { "x.service": { on: "a" }, "w.service": {}, "y.service": {}, "z.service": {} },
    },
    plan: ["place w.service b", "place y.service a", "place z.service b"],
  },
  {
    name: "leaves units that nobody wants to run where they are not",
    given: {
      machines: { a: "" },
      units: {
        "t@.service": {},
        "x.service": { desired: "inactive" },
        "g.service": { fleet: ["Global=true"] },
      },
    },
    plan: [],
  },
  {
    name: "takes the machine from units that are no longer wanted, and from templates",
    given: {
      machines: { a: "" },
      units: { "t@.service": { on: "a" }, "x.service": { desired: "inactive", on: "a" } },
    },
    plan: ["unplace t@.service a", "unplace x.service a"],
  },
  {
    name: "moves a unit off a lost machine in one step",
    given: { machines: { b: "" }, units: { "web.service": { on: "a" } } },
    lost: ["a"],
    plan: ["move web.service a b"],
  },
  {
    name: "moves nothing off a machine that only cannot be seen",
    given: { machines: { b: "" }, units: { "web.service": { on: "a" } } },
    plan: [],
  },
  {
    name: "keeps the placement on a lost machine when nothing else fits",
    given: {
      machines: { b: "" },
      units: { "pin.service": { fleet: [`MachineID=${sampleMachine("a")}`], on: "a" } },
    },
    lost: ["a"],
    plan: ["wait pin.service"],
  },
  {
    name: "places by MachineID, whole or the first eight digits",
    given: {
      machines: { abcd: "", bbbb: "" },
      units: {
        "long.service": { fleet: [`MachineID=${sampleMachine("bbbb")}`] },
        "none.service": { fleet: ["MachineID="] },
        "short.service": { fleet: [`MachineID=${sampleMachine("abcd").slice(0, 8)}`] },
      },
    },
    plan: ["place long.service bbbb", "wait none.service", "place short.service abcd"],
  },
  {
    name: "wants one value of each metadata key",
    given: {
      machines: { a: "role=web", b: "role=db,az=1", c: "role=db,az=2" },
      units: {
        "x.service": { fleet: ["MachineMetadata=role=db", "MachineMetadata=az=2"] },
        "y.service": { fleet: ["MachineMetadata=role=cache", "MachineMetadata=role=web"] },
        "z.service": { fleet: ["MachineMetadata=role=none"] },
      },
    },
    plan: ["place x.service c", "place y.service a", "wait z.service"],
  },
  {
    name: "keeps conflicting units apart in both directions",
    given: {
      machines: { a: "", b: "" },
      units: {
        "c@1.service": { fleet: ["Conflicts=c@*"] },
        "c@2.service": { fleet: ["Conflicts=c@*"] },
        "c@3.service": { fleet: ["Conflicts=c@*"] },
        "d.service": {},
      },
    },
    plan: ["place c@1.service a", "place c@2.service b", "wait c@3.service", "place d.service a"],
  },
  {
    name: "of two that conflict in one place the later one goes",
    given: {
      machines: { a: "", b: "" },
      units: { "z.service": { on: "a" }, "b.service": { on: "a", fleet: ["Conflicts=z.service"] } },
    },
    plan: ["move b.service a b"],
  },
  {
    name: "places a unit beside its peer, whichever comes first by name",
    given: {
      machines: { a: "", b: "" },
      units: {
        "a.service": { fleet: ["MachineOf=z.service"] },
        "m.service": {},
        "o.service": { fleet: ["MachineOf=gone.service"] },
        "z.service": {},
      },
    },
    plan: ["place z.service a", "place a.service a", "place m.service b", "wait o.service"],
  },
  {
    name: "lets followers follow when their peer moves or goes",
    given: {
      machines: { b: "" },
      units: {
        "foo.service": { on: "a" },
        "mo.service": { on: "a", fleet: ["MachineOf=foo.service"] },
        "off.service": { on: "b", desired: "inactive" },
        "on.service": { on: "b", fleet: ["MachineOf=off.service"] },
      },
    },
    lost: ["a"],
    plan: [
      "unplace off.service b",
      "move foo.service a b",
      "move mo.service a b",
      "unplace on.service b",
    ],
  },
  {
    name: "gives the place of a replaced unit to the one that replaces it",
    given: {
      machines: { a: "", b: "" },
      units: {
        "foo.service": { on: "b" },
        "new.service": { fleet: ["Replaces=foo.service"] },
      },
    },
    plan: ["place new.service b", "move foo.service b a"],
  },
];

for (const { name, given, lost = [], plan } of CASES)
  test(`schedule() ${name}`, () => {
    const decisions = schedule(sampleCluster(given), reasons(lost), "all");
    assert.deepEqual(decisions.map(brief), plan);
  });

test("schedule() takes away a target that outlived its job, and nobody counts on it", () => {
  const model = sampleCluster({
    machines: { a: "" },
    units: { "web.service": { on: "a" }, "side.service": { fleet: ["MachineOf=web.service"] } },
  });
  const web = "web.service" as UnitName;
  const { keys } = model;
  model.apply({ key: keys.job(web, "object"), after: undefined, by: undefined });
  assert.deepEqual(schedule(model, new Map(), "all").map(brief), ["wait side.service"]);
  const after = { value: "f".repeat(40), modifiedIndex: 99 };
  model.apply({ key: keys.removed(web), after, by: undefined });
  assert.deepEqual(schedule(model, new Map(), "all").map(brief), [
    "unplace web.service a",
    "wait side.service",
  ]);
});

test("schedule() places a unit whose peer was itself waiting for a third", () => {
  const model = sampleCluster({
    machines: { a: "" },
    units: {
      "u0.service": { fleet: ["MachineOf=u1*.service"] },
      "u1.service": { fleet: ["MachineOf=%m.service u2.service"] },
      "u10.service": {},
      "u2.service": {},
      "u7.service": { fleet: ["MachineOf=u0.service"] },
    },
  });
  assert.deepEqual(
    schedule(model, new Map(), "all")
      .map(brief)
      .filter((decision) => decision.includes("u7")),
    ["place u7.service a"],
  );
});

test("schedule() says why it moves what, in words", () => {
  const model = sampleCluster({ machines: { b: "" }, units: { "web.service": { on: "a" } } });
  const lost = new Map([[sampleMachine("a"), "its record expired"]]);
  assert.deepEqual(schedule(model, lost, "all"), [
    {
      kind: "move",
      unit: "web.service",
      from: sampleMachine("a"),
      to: sampleMachine("b"),
      reason: `machine ${sampleMachine("a")} is lost: its record expired; ${sampleMachine("b")} is the least loaded that fits (0 units)`,
    },
  ]);
});

const anyUnit: fc.Arbitrary<SampleUnit> = fc.record(
  {
    fleet: fc.uniqueArray(
      fc.constantFrom(
        "Conflicts=u1*",
        "Conflicts=u2.service",
        "MachineOf=u3.service",
        "MachineOf=u0.service",
        "MachineOf=u1*.service",
        "MachineOf=%m.service u2.service",
        "MachineMetadata=role=x",
        "MachineMetadata=!role",
        "MachineMetadata=size>1",
        "MaxPerMachine=1 u*",
        "MaxPerMachine=2 u1*",
        "Prefer=3 role",
        "Spread=size u*",
        "Priority=5",
        "Priority=-5",
        "MemoryNeed=3",
        "MemoryNeed=1",
        "CPUNeed=2",
        "Replaces=u4.service",
        "Replaces=u5.service",
        "Global=true",
        `MachineID=${sampleMachine("b")}`,
      ),
      { maxLength: 3 },
    ),
    desired: fc.constantFrom("inactive", "loaded", "launched"),
    on: fc.constantFrom("a", "b", "c", "d", "e"),
  },
  { requiredKeys: [] },
);
/** Machine `e` is lost; `d` may be away without being lost. */
const anySample: fc.Arbitrary<Sample> = fc.record({
  machines: fc
    .subarray(["a", "b", "c", "d"])
    .chain((names) =>
      fc.record(
        Object.fromEntries(
          names.map((n) => [n, fc.constantFrom("", "role=x", "size=1", "role=x,size=2")]),
        ),
      ),
    ),
  facts: fc.constantFrom(
    {},
    { a: { memoryBytes: 4 } },
    { a: { memoryBytes: 3, millicores: 3000 } },
  ),
  units: fc
    .subarray(["u0", "u1", "u10", "u2", "u3", "u4", "u5", "u6", "u7@", "u7@1"])
    .chain((names) => fc.record(Object.fromEntries(names.map((n) => [`${n}.service`, anyUnit])))),
});
const LOST = reasons(["e"]);

test("schedule() settles: what it decides leaves nothing to do but wait", () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const model = sampleCluster(sample);
      // Each replacing unit may set off another round; without them one is enough.
      const units = Object.values(sample.units);
      const rounds = 1 + units.filter((u) => u.fleet?.some((l) => l.startsWith("Replaces"))).length;
      for (let round = 1; round <= rounds; round++)
        carryOut(model, schedule(model, LOST, "all"), 1000 * round);
      assert.deepEqual(
        schedule(model, LOST, "all")
          .filter((d) => d.kind !== "wait")
          .map(brief),
        [],
      );
    }),
    { numRuns: 2000 },
  );
});

test("schedule() never places a unit against a constraint", () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const model = sampleCluster(sample);
      const decisions = schedule(model, LOST, "all");
      carryOut(model, decisions, 1000);
      for (const decision of decisions)
        if (decision.kind === "place" || decision.kind === "move")
          assert.equal(violation(model, decision.unit), undefined, decision.unit);
    }),
    { numRuns: 2000 },
  );
});

test("schedule() ignores the order in which the cluster became known", () => {
  fc.assert(
    fc.property(anySample, fc.infiniteStream(fc.nat()), (sample, numbers) => {
      const shuffled = sampleCluster(sample, (keys) =>
        keys
          .map((key) => ({ key, at: numbers.next().value as number }))
          .sort((x, y) => x.at - y.at)
          .map(({ key }) => key),
      );
      assert.deepEqual(
        schedule(shuffled, LOST, "all"),
        schedule(sampleCluster(sample), LOST, "all"),
      );
    }),
    { numRuns: 500 },
  );
});

test("schedule() leaves no unit without a machine that it could have, nor without a reason for each", () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const model = sampleCluster(sample);
      const decisions = schedule(model, LOST, "all");
      carryOut(model, decisions, 1000);
      for (const { kind, unit } of decisions) {
        if (kind !== "wait") continue;
        const { reasons } = explain(model, unit, new Map())!;
        const told = reasons.map(({ machineID }) => machineID);
        assert.deepEqual(told, [...model.machines.keys()].sort());
        for (const { reason } of reasons) assert.notEqual(reason, "");
        // What is placed after it in the same plan may leave room that it had not.
        const moves = decisions.some((d) => d.kind === "move" || d.kind === "unplace");
        const isSimple = Object.values(sample.units).every((u) => !u.fleet?.some(isEntangled));
        if (isSimple && !moves)
          assert.deepEqual(
            reasons.filter(({ fits }) => fits),
            [],
          );
      }
    }),
    { numRuns: 1000 },
  );
});

/** Whether a unit with this line may have others move, or wait for others. */
function isEntangled(line: string): boolean {
  return line.startsWith("Replaces") || line.startsWith("MachineOf");
}

test("schedule() looks only at the units in focus and at what they move", () => {
  const model = sampleCluster({
    machines: { a: "" },
    units: { "x.service": {}, "y.service": {} },
  });
  assert.deepEqual(schedule(model, new Map(), ["y.service" as UnitName]).map(brief), [
    "place y.service a",
  ]);
});

function violation(model: ClusterModel, name: UnitName): string | undefined {
  const job = model.jobs.get(name)!;
  const board = new Board(model);
  const machine = model.machines.get(job.target!.value);
  if (machine === undefined) return "its machine is not there";
  if (job.unit!.isTemplate || job.unit!.wants.global || job.desired === "inactive")
    return "it is not to be placed";
  return board.misfit(job.unit!, machine)?.kind;
}

function reasons(machines: readonly string[]): Map<ReturnType<typeof sampleMachine>, string> {
  return new Map(machines.map((short) => [sampleMachine(short), "test"]));
}

function brief(decision: Decision): string {
  const machines = [
    "from" in decision ? shortMachine(decision.from) : "",
    "to" in decision ? shortMachine(decision.to) : "",
  ];
  return [decision.kind, decision.unit, ...machines].filter(Boolean).join(" ");
}
