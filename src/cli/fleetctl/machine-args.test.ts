import assert from "node:assert/strict";
import { test } from "node:test";
import type { SchemaMachine } from "#fleet/core/schema.ts";
import { chooseMachine, chooseMachines } from "./machine-args.ts";

const MACHINES: readonly SchemaMachine[] = [
  { id: "1a".padEnd(32, "0"), primaryIP: "10.0.0.1", metadata: {}, hostName: "core-01" },
  { id: "1b".padEnd(32, "0"), primaryIP: "10.0.0.2", metadata: {}, hostName: "core-02" },
  { id: "2c".padEnd(32, "0"), primaryIP: "", metadata: {} },
];

const CASES: readonly [words: string[], found: number[] | RegExp][] = [
  [["1a"], [0]],
  [["1a000000..."], [0]],
  [["1b000000.../10.0.0.2"], [1]],
  [
    ["10.0.0.2", "core-01"],
    [1, 0],
  ],
  [["core-*"], [0, 1]],
  [["core-02", "1b"], [1]],
  [["2c*"], [2]],
  [
    ["1"],
    /"1" is: it could be 1a0{30} 10\.0\.0\.1 core-01, 1b0{30} 10\.0\.0\.2 core-02; give more/,
  ],
  [["core-03"], /Cannot find machine "core-03".*there are 1a0{30} 10\.0\.0\.1 core-01, /],
  [["db-*"], /Cannot find machine "db-\*"/],
  [[], /Cannot tell which machine is meant/],
];
for (const [words, found] of CASES)
  test(`machines named by ${JSON.stringify(words)}`, () => {
    if (found instanceof RegExp) assert.throws(() => chooseMachines(words, MACHINES), found);
    else
      assert.deepEqual(
        chooseMachines(words, MACHINES),
        found.map((at) => MACHINES[at]),
      );
  });

test("one machine is not chosen by a pattern that means several", () => {
  assert.throws(() => chooseMachine("core-*", MACHINES), /it could be/);
  assert.equal(chooseMachine("core-?2", MACHINES), MACHINES[1]);
});
