import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { planMove } from "./move.ts";
import { carryOut, NOBODY, type Sample, sampleCluster, sampleMachine } from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

const WEB = "web.service" as UnitName;

const CASES: readonly {
  readonly name: string;
  /** Machines a and b; web.service is on a and is to go to b. */
  readonly given: Partial<Sample>;
  readonly fleet?: readonly string[];
  readonly plan: string | RegExp;
  /** With `--force`. */
  readonly forced: string | RegExp;
}[] = [
  { name: "moves a unit that fits", given: {}, plan: "move", forced: "move" },
  {
    name: "against what the unit prefers",
    given: { machines: { a: "zone=1", b: "zone=2" } },
    fleet: ["Prefer=9 zone=1"],
    plan: "move",
    forced: "move",
  },
  {
    name: "takes others along",
    given: { units: { "side.service": { on: "a", fleet: ["MachineOf=web.service"] } } },
    plan: "move side.service",
    forced: "move side.service",
  },
  {
    name: "not to a cordoned machine, unless forced",
    given: { cordoned: ["b"] },
    plan: /machine is cordoned by alice: new disk/,
    forced: "move",
  },
  {
    name: "not to a machine that is drained",
    given: { cordoned: ["b"], draining: { b: "under way" } },
    plan: /machine is drained by alice/,
    forced: /machine is drained by alice/,
  },
  {
    name: "not beyond what is free, unless forced",
    given: { facts: { b: { memoryBytes: 2 ** 30 } } },
    fleet: ["MemoryNeed=2G"],
    plan: /MemoryNeed 2G: 1G of 1G are free/,
    forced: "move",
  },
  {
    name: "not where it conflicts",
    given: { units: { "x.service": { on: "b", fleet: ["Conflicts=web.service"] } } },
    plan: /conflicts with x\.service/,
    forced: /conflicts with x\.service/,
  },
  {
    name: "not away from what it has to run beside",
    given: { units: { "db.service": { on: "a" } } },
    fleet: ["MachineOf=db.service"],
    plan: /MachineOf db\.service: that unit is on/,
    forced: /MachineOf db\.service: that unit is on/,
  },
  {
    name: "not where those that run beside it cannot come along, not even forced",
    given: {
      units: { "side.service": { on: "a", fleet: ["MachineOf=web.service"] } },
      cordoned: ["b"],
    },
    plan: /machine is cordoned/,
    forced: /side\.service would be without a machine/,
  },
  {
    name: "not a global unit",
    given: {},
    fleet: ["Global=true"],
    plan: /global/,
    forced: /global/,
  },
];
for (const { fleet = [], forced, given, name, plan } of CASES)
  test(`move: ${name}`, () => {
    const { units, ...more } = given;
    const machines = { a: "", b: "" };
    const all = { ...units, "web.service": { on: "a", fleet } };
    for (const [isForced, expected] of [
      [false, plan],
      [true, forced],
    ] as const) {
      const model = sampleCluster({ machines, units: all, ...more });
      const to = sampleMachine("b");
      const wish = { unit: WEB, to, reason: "moved by alice", isForced };
      const got = planMove(model, NOBODY, wish);
      if (expected instanceof RegExp)
        assert.match(got.kind === "refuse" ? got.reason : "", expected);
      else {
        assert.equal(got.kind, "move");
        const others = got.kind === "move" ? got.others.map(({ unit }) => unit) : [];
        assert.equal(["move", ...others].join(" "), expected);
        // Once it is written, the scheduler brings along the others, and then leaves all as it is.
        const move = { kind: "move", unit: WEB, from: sampleMachine("a"), to, reason: "" } as const;
        carryOut(model, [move], 1_000);
        const after = schedule(model, NOBODY, "all");
        assert.deepEqual(
          after.map(({ unit }) => unit),
          others,
        );
        carryOut(model, after, 2_000);
        assert.deepEqual(schedule(model, NOBODY, "all"), []);
      }
    }
  });

test("a unit that is there already is not moved, and one without a place is not either", () => {
  const model = sampleCluster({
    machines: { a: "" },
    units: { "web.service": { on: "a" }, "x.service": { fleet: ["MachineMetadata=no=1"] } },
  });
  const wish = { to: sampleMachine("a"), reason: "", isForced: false };
  assert.deepEqual(planMove(model, NOBODY, { ...wish, unit: WEB }), { kind: "none" });
  const lost = planMove(model, NOBODY, { ...wish, unit: "x.service" as UnitName });
  assert.match(lost.kind === "refuse" ? lost.reason : "", /placed nowhere/);
});
