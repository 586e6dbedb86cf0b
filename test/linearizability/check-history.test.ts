import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { checkHistory } from "./check-history.ts";
import { checkWatches } from "./check-watches.ts";
import type { Answer, Call, Operation } from "./history.ts";
import { PLANTS, runToy } from "./toy-store.ts";

const UNKNOWN: Answer = { kind: "unknown" };

function wrote(index: number, value: string | undefined, prev?: [string, number, number]): Answer {
  const createdIndex = prev && value === undefined ? prev[2] : index;
  return {
    kind: "done",
    index,
    node: { modifiedIndex: index, createdIndex },
    value,
    prev: prev && { value: prev[0], modifiedIndex: prev[1], createdIndex: prev[2] },
  };
}

function read(index: number, value: string, modifiedIndex: number, createdIndex: number): Answer {
  return { kind: "done", index, node: { modifiedIndex, createdIndex }, value, prev: undefined };
}

function missing(index: number): Answer {
  return { kind: "refused", index, code: 100 };
}

type Row = readonly [calledAt: number, answeredAt: number, call: Call, answer: Answer];

function historyOf(rows: readonly Row[]): Operation[] {
  return rows.map(([calledAt, answeredAt, call, answer], id) => ({
    id,
    session: `server ${id}`,
    key: "/k",
    call,
    calledAt,
    answeredAt: answer.kind === "unknown" ? Number.POSITIVE_INFINITY : answeredAt,
    answer,
  }));
}

const set = (value: string): Call => ({ op: "set", value });
const get: Call = { op: "get" };
const swap: Call = { op: "compareAndSwap", value: "b", prevValue: "a" };

const GOOD: Readonly<Record<string, readonly Row[]>> = {
  "a read during a write sees the old or the new value": [
    [0, 1, set("a"), wrote(4, "a")],
    [2, 9, set("b"), wrote(5, "b", ["a", 4, 4])],
    [3, 4, get, read(4, "a", 4, 4)],
    [5, 6, get, read(5, "b", 5, 5)],
  ],
  "a write of unknown end happens later, and a read tells its index": [
    [0, 1, set("a"), wrote(4, "a")],
    [2, 0, set("b"), UNKNOWN],
    [3, 4, get, read(4, "a", 4, 4)],
    [5, 6, get, read(7, "b", 6, 6)],
    [7, 8, { op: "compareAndDelete", prevIndex: 6 }, wrote(8, undefined, ["b", 6, 6])],
  ],
  "a write of unknown end never happens": [
    [0, 0, set("b"), UNKNOWN],
    [1, 2, get, missing(3)],
    [3, 4, { op: "create", value: "c" }, wrote(4, "c")],
  ],
  "a swap of unknown end explains a failed one": [
    [0, 1, set("a"), wrote(4, "a")],
    [2, 0, swap, UNKNOWN],
    [3, 4, { ...swap, value: "c" }, { kind: "refused", index: 5, code: 101 }],
    [5, 6, get, read(5, "b", 5, 4)],
  ],
};
for (const [name, rows] of Object.entries(GOOD))
  test(`right: ${name}`, () => assert.deepEqual(checkHistory(historyOf(rows)), []));

const BAD: Readonly<Record<string, readonly [RegExp, readonly Row[]]>> = {
  "a quorum read that is late": [
    /not linearizable/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [2, 3, set("b"), wrote(5, "b", ["a", 4, 4])],
      [4, 5, get, read(5, "a", 4, 4)],
    ],
  ],
  "a value that goes back": [
    /not linearizable/,
    [
      [0, 9, set("a"), wrote(4, "a")],
      [1, 2, get, read(4, "a", 4, 4)],
      [3, 4, get, missing(4)],
    ],
  ],
  "an acknowledged write that is gone": [
    /not linearizable/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [2, 3, { op: "create", value: "b" }, wrote(5, "b")],
    ],
  ],
  "a write of unknown end that happens twice": [
    /not linearizable/,
    [
      [0, 0, set("b"), UNKNOWN],
      [1, 2, get, read(4, "b", 4, 4)],
      [3, 4, set("c"), wrote(5, "c", ["b", 4, 4])],
      [5, 6, get, read(6, "b", 6, 6)],
    ],
  ],
  "two swaps that both won": [
    /not linearizable/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [
        2,
        9,
        swap,
        { ...wrote(5, "b", ["a", 4, 4]), node: { modifiedIndex: 5, createdIndex: 4 } } as Answer,
      ],
      [
        3,
        8,
        { ...swap, value: "c" },
        { ...wrote(6, "c", ["a", 4, 4]), node: { modifiedIndex: 6, createdIndex: 4 } } as Answer,
      ],
    ],
  ],
  "a swap that fails although it fits": [
    /not linearizable/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [2, 3, swap, { kind: "refused", index: 4, code: 101 }],
    ],
  ],
  "a wrong createdIndex": [
    /not linearizable/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [2, 3, get, read(4, "a", 4, 3)],
    ],
  ],
  "a plain read of what nobody wrote": [
    /nobody wrote/,
    [[0, 1, { op: "read" }, read(4, "x", 4, 4)]],
  ],
  "a plain read older than its own index": [
    /older than the write at 5/,
    [
      [0, 1, set("a"), wrote(4, "a")],
      [2, 3, set("b"), wrote(5, "b", ["a", 4, 4])],
      [4, 5, { op: "read" }, read(5, "a", 4, 4)],
    ],
  ],
  "an index that is older than an earlier answer's": [
    /newer index/,
    [
      [0, 1, get, missing(9)],
      [2, 3, get, missing(8)],
    ],
  ],
};
for (const [name, [problem, rows]] of Object.entries(BAD))
  test(`found: ${name}`, () => assert.match(checkHistory(historyOf(rows)).join("\n"), problem));

test("plain reads may be late, but never go back on one server", () => {
  const rows: Row[] = [
    [0, 1, set("a"), wrote(4, "a")],
    [2, 3, set("b"), wrote(5, "b", ["a", 4, 4])],
    [4, 5, { op: "read" }, read(5, "b", 5, 5)],
    [6, 7, { op: "read" }, read(4, "a", 4, 4)],
  ];
  assert.deepEqual(checkHistory(historyOf(rows)), []);
  const onOne = historyOf(rows).map((one) => ({ ...one, session: "one" }));
  assert.match(checkHistory(onOne).join("\n"), /one went back/);
});

test("the state machine itself makes right histories, whatever answers get lost", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { history, watches } = runToy(seededRandom(seed), {
      count: 200,
      lost: (seed % 5) * 0.03,
    });
    assert.deepEqual(
      [...checkHistory(history), ...checkWatches(watches, history)],
      [],
      `seed ${seed}`,
    );
  }
});

for (const plant of PLANTS)
  test(`a planted mistake is found: ${plant}`, (t) => {
    let found = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const { history, watches } = runToy(seededRandom(seed), { count: 200, plant });
      if (checkHistory(history).length + checkWatches(watches, history).length > 0) found += 1;
    }
    t.diagnostic(`found in ${found} of 20 runs`);
    // Not every one makes a difference: a late read may show what is still so.
    assert.ok(found >= 10, `found in ${found} of 20 runs only`);
  });
