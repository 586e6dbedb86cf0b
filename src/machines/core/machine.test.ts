import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Cluster,
  chooseMachines,
  growCluster,
  MACHINES_MAX,
  machineName,
  PLAIN_EQUIPMENT,
  parseMetadata,
} from "#machines/core/machine.ts";

const EMPTY: Cluster = { network: "127.0.9", idPrefix: "abc123", servers: 1, machines: [] };
const NO_METADATA = new Map<string, Record<string, string>>();

function zeros(digits: number): string {
  return "0".repeat(digits);
}

test("growCluster() numbers machines from 1, with ids that sort like the numbers", () => {
  const { machines } = growCluster(EMPTY, MACHINES_MAX, NO_METADATA, zeros);
  assert.deepEqual(machines[0], {
    name: "core-01",
    number: 1,
    id: `abc12301${zeros(24)}`,
    address: "127.0.9.1",
    metadata: { role: "store" },
    equipment: PLAIN_EQUIPMENT,
  });
  assert.deepEqual(machines[1]?.metadata, { role: "worker" });
  assert.deepEqual(
    machines.map((machine) => machine.id).toSorted(),
    machines.map((machine) => machine.id),
  );
  for (const machine of machines) assert.match(machine.id, /^[0-9a-f]{32}$/);
});

test("growCluster() keeps the machines there are and gives new ones their metadata", () => {
  const counts = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }));
  fc.assert(
    fc.property(counts, ([one, other]) => {
      const [few, many] = [Math.min(one, other), Math.max(one, other)];
      const small = growCluster(EMPTY, few, NO_METADATA, zeros);
      const metadata = new Map([[machineName(many), { disk: "ssd" }]]);
      const grown = growCluster(small, many, metadata, zeros);
      assert.equal(grown.machines.length, many);
      assert.deepEqual(grown.machines.slice(0, few), small.machines);
      if (many > few)
        assert.deepEqual(grown.machines.at(-1)?.metadata, {
          role: many === 1 ? "store" : "worker",
          disk: "ssd",
        });
    }),
  );
});

for (const count of [0, -1, 1.5, Number.NaN, MACHINES_MAX + 1])
  test(`growCluster() refuses ${count} machines`, () => {
    assert.throws(() => growCluster(EMPTY, count, NO_METADATA, zeros), { code: "USAGE" });
  });

test("chooseMachines() takes all without names, else those named in that order", () => {
  const cluster = growCluster(EMPTY, 3, NO_METADATA, zeros);
  const names = (chosen: readonly string[]) =>
    chooseMachines(cluster, chosen).map((machine) => machine.name);
  assert.deepEqual(names([]), ["core-01", "core-02", "core-03"]);
  assert.deepEqual(names(["core-03", "core-01"]), ["core-03", "core-01"]);
});

test("chooseMachines() takes a machine named twice once", () => {
  const cluster = growCluster(EMPTY, 3, NO_METADATA, zeros);
  assert.equal(chooseMachines(cluster, ["core-02", "core-02"]).length, 1);
});

test("chooseMachines() names the machines there are when one is not found", () => {
  const cluster = growCluster(EMPTY, 2, NO_METADATA, zeros);
  assert.throws(() => chooseMachines(cluster, ["core-07"]), {
    code: "MACHINE_NOT_FOUND",
    message: /"core-07": there are core-01, core-02;/,
  });
  assert.throws(() => chooseMachines(EMPTY, ["core-01"]), {
    code: "MACHINE_NOT_FOUND",
    message: /there are no machines/,
  });
});

test("parseMetadata() tells a pair to the machine named, or to all", () => {
  const metadata = parseMetadata(
    ["region=eu", "core-02:disk=ssd", "core-02:region=us", "empty="],
    ["core-01", "core-02"],
  );
  assert.deepEqual(Object.fromEntries(metadata), {
    "core-01": { region: "eu", empty: "" },
    "core-02": { region: "us", disk: "ssd", empty: "" },
  });
});

for (const text of ["", "region", "=eu", "a,b=c", "a=b,c", "core-01:", ":a=b", "core-09:a=b"])
  test(`parseMetadata() refuses "${text}"`, () => {
    assert.throws(() => parseMetadata([text], ["core-01"]), { code: "USAGE" });
  });
