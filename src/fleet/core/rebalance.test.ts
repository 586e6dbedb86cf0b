import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { type RebalanceMove, rebalance } from "./rebalance.ts";
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
import type { Unit } from "./unit.ts";

const PLAIN = { includeAtMostOnce: false };

/** Carries the moves out one by one, as fleetctl does; each has to fit at its turn. */
function apply(model: ClusterModel, moves: readonly RebalanceMove[]): void {
  for (const [i, { from, to, unit: name }] of moves.entries()) {
    const board = new Board(model);
    assert.equal(board.where(name), from);
    board.remove(name);
    const unit = model.jobs.get(name)!.unit!;
    assert.equal(board.misfit(unit, model.machines.get(to)!), undefined, `${name} to ${to}`);
    carryOut(model, [{ kind: "move", unit: name, from, to, reason: "" }], 1_000 + i);
    assert.deepEqual(schedule(model, NOBODY, "all"), [], "the scheduler leaves it there");
  }
}

const many = (on: string, count: number, fleet: readonly string[] = []) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`${on}${i}.service`, { on, fleet }]));

const CASES: readonly {
  readonly name: string;
  readonly given: Sample;
  readonly moves: readonly string[];
}[] = [
  {
    name: "does nothing when machines have as equally many as can be",
    given: { machines: { a: "", b: "" }, units: { ...many("a", 2), ...many("b", 1) } },
    moves: [],
  },
  {
    name: "fills a machine that is new",
    given: { machines: { a: "", b: "", c: "" }, units: { ...many("a", 3), ...many("b", 3) } },
    moves: ["a0.service a c", "b0.service b c"],
  },
  {
    name: "does not give to, or take from, a machine that is cordoned",
    given: {
      machines: { a: "", b: "", c: "" },
      units: { ...many("a", 4), ...many("b", 4) },
      cordoned: ["b", "c"],
    },
    moves: [],
  },
  {
    name: "goes over another machine where no unit may go all the way",
    given: {
      machines: { a: "k=1", b: "k=1,l=1", c: "l=1" },
      units: {
        ...many("a", 3, ["MachineMetadata=k=1"]),
        "b0.service": { on: "b", fleet: ["MachineMetadata=l=1"] },
        "b1.service": { on: "b", fleet: ["MachineMetadata=k=1"] },
        "c0.service": { on: "c" },
      },
    },
    moves: ["b0.service b c", "a0.service a b"],
  },
  {
    name: "lets go first what prefers another machine, and leaves it there",
    given: {
      machines: { a: "disk=hdd", b: "disk=ssd" },
      units: {
        "p.service": { on: "a", fleet: ["Prefer=5 disk=ssd"] },
        "q.service": { on: "b", fleet: ["Prefer=5 disk=ssd"] },
      },
    },
    moves: ["p.service a b"],
  },
  {
    name: "spreads a group over zones",
    given: {
      machines: { a: "az=1", b: "az=1", c: "az=2" },
      units: {
        "w@1.service": { on: "a", fleet: ["Spread=az w@*"] },
        "w@2.service": { on: "b", fleet: ["Spread=az w@*"] },
        "x.service": { on: "c" },
      },
    },
    moves: ["w@1.service a c", "x.service c a"],
  },
  {
    name: "leaves units that are bound, that run beside others, or that must never run twice",
    given: {
      machines: { a: "", b: "" },
      units: {
        "own.service": { on: "a", fleet: [`MachineID=${sampleMachine("a")}`] },
        "db.service": { on: "a" },
        "web.service": { on: "a", fleet: ["MachineOf=db.service"] },
        "one.service": { on: "a", fleet: ["AtMostOnce=yes"] },
      },
    },
    moves: [],
  },
  {
    name: "evens out memory where numbers allow it",
    given: {
      machines: { a: "", b: "" },
      facts: { a: { memoryBytes: 8 * 2 ** 30 }, b: { memoryBytes: 8 * 2 ** 30 } },
      units: {
        "big.service": { on: "a", fleet: ["MemoryNeed=4G"] },
        "bigger.service": { on: "a", fleet: ["MemoryNeed=3G"] },
        "small.service": { on: "b" },
      },
    },
    moves: ["big.service a b"],
  },
];
for (const { given, moves, name } of CASES)
  test(`rebalance ${name}`, () => {
    const model = sampleCluster(given);
    const plan = rebalance(model, PLAIN);
    assert.deepEqual(
      plan.moves.map(({ from, to, unit }) => `${unit} ${shortMachine(from)} ${shortMachine(to)}`),
      moves,
    );
    apply(model, plan.moves);
    assert.deepEqual(rebalance(model, PLAIN).moves, [], "then there is nothing more to do");
  });

test("AtMostOnce units move when that is wanted", () => {
  const fleet = ["AtMostOnce=yes"];
  const model = sampleCluster({ machines: { a: "", b: "" }, units: many("a", 3, fleet) });
  assert.deepEqual(rebalance(model, PLAIN).moves, []);
  assert.equal(rebalance(model, { includeAtMostOnce: true }).moves.length, 1);
});

const small = fc.array(
  fc.record({
    on: fc.constantFrom("a", "b", "c"),
    fleet: fc.subarray(["MachineMetadata=k=1", "MachineMetadata=l=1"]),
  }),
  { maxLength: 6 },
);
const MACHINES = { a: "k=1", b: "k=1,l=1", c: "l=1" };

/** The lowest sum of squares of numbers of units that any placing has, and the fewest moves that lead to one. */
function best(model: ClusterModel): { readonly squares: number; readonly moves: number } {
  const units = [...model.jobs.values()].flatMap(({ unit }) => unit ?? []);
  const machines = [...model.machines.keys()];
  let found = { squares: Number.POSITIVE_INFINITY, moves: 0 };
  const tryAll = (left: readonly Unit[], loads: ReadonlyMap<MachineId, number>, moves: number) => {
    const [unit, ...others] = left;
    if (unit === undefined) {
      const squares = squaresOf([...loads.values()]);
      if (squares < found.squares || (squares === found.squares && moves < found.moves))
        found = { squares, moves };
      return;
    }
    for (const id of machines) {
      if (new Board(model).misfit(unit, model.machines.get(id)!) !== undefined) continue;
      const isMove = model.jobs.get(unit.name)?.target?.value !== id;
      const after = new Map([...loads, [id, (loads.get(id) ?? 0) + 1]]);
      tryAll(others, after, moves + (isMove ? 1 : 0));
    }
  };
  tryAll(units, new Map(), 0);
  return found;
}

function squaresOf(loads: readonly number[]): number {
  return loads.reduce((sum, load) => sum + load * load, 0);
}

test("compared with every placing there is: as even as can be, with at most one move more than needed", () => {
  fc.assert(
    fc.property(small, (all) => {
      const units: Record<string, SampleUnit> = {};
      for (const [i, { fleet, on }] of all.entries()) {
        const isFit = fleet.every((line) => MACHINES[on].includes(line.split("Metadata=")[1]!));
        units[`u${i}.service`] = { on: isFit ? on : "b", fleet };
      }
      const model = sampleCluster({ machines: MACHINES, units });
      const expected = best(model);
      const { moves } = rebalance(model, PLAIN);
      apply(model, moves);
      const loads = [...model.machines.keys()].map((id) => model.placedOn(id).size);
      assert.equal(squaresOf(loads), expected.squares);
      assert.ok(moves.length <= expected.moves + 1, `${moves.length} moves, not ${expected.moves}`);
    }),
    { numRuns: 400 },
  );
});

const LINES = [
  "Conflicts=u0.service",
  "MaxPerMachine=2",
  "Spread=k u*",
  "Prefer=3 l=1",
  "MemoryNeed=1G",
  "MachineMetadata=k=1",
];
test("whatever units ask for: every move fits at its turn, and a second plan has nothing to do", () => {
  const unit = fc.record({
    on: fc.constantFrom("a", "b", "c"),
    fleet: fc.subarray(LINES, { maxLength: 2 }),
  });
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 8 }), (all) => {
      const units = Object.fromEntries(all.map((one, i) => [`u${i}.service`, one]));
      const facts = { a: { memoryBytes: 2 ** 32 }, b: { memoryBytes: 2 ** 32 } };
      const model = sampleCluster({ machines: MACHINES, units, facts });
      settle(model, 100);
      if (schedule(model, NOBODY, "all").length > 0) return;
      const { moves } = rebalance(model, PLAIN);
      apply(model, moves);
      assert.deepEqual(rebalance(model, PLAIN).moves, []);
    }),
    { numRuns: 400 },
  );
});

test("10,000 units on 1,000 machines, 100 of them new, are made even", () => {
  const machines: Record<string, string> = {};
  const units: Record<string, SampleUnit> = {};
  for (let i = 0; i < 1_000; i++) machines[String(i).padStart(4, "0")] = `az=${i % 3}`;
  for (let i = 0; i < 10_000; i++) {
    const fleet =
      i % 10 === 0 ? ["Spread=az s*"] : i % 7 === 0 ? [`MachineMetadata=az=${i % 3}`] : [];
    const at = i % 7 === 0 && i % 10 !== 0 ? 3 * (i % 300) + (i % 3) : i % 900;
    units[`${i % 10 === 0 ? "s" : "u"}${i}.service`] = { on: String(at).padStart(4, "0"), fleet };
  }
  const model = sampleCluster({ machines, units });
  const { after, before, moves } = rebalance(model, PLAIN);
  assert.ok(after.most - after.fewest <= 3 && before.fewest === 0, JSON.stringify([before, after]));
  assert.ok(moves.length >= 900);
});
