import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Cluster,
  initialCluster,
  MACHINES_MAX,
  PLAIN_EQUIPMENT,
  settingsOf,
} from "#machines/core/machine.ts";
import {
  coreMachines,
  forgetDisk,
  parseMetadata,
  planCluster,
  type WantedMachine,
} from "#machines/core/plan-cluster.ts";

const EMPTY: Cluster = {
  provider: "process",
  network: "127.0.9",
  idPrefix: "abc123",
  servers: [],
  machines: [],
};

function zeros(digits: number): string {
  return "0".repeat(digits);
}

function ones(digits: number): string {
  return "1".repeat(digits);
}

/** The cluster with so many core machines. */
function grown(cluster: Cluster, count: number, metadata = new Map<string, { disk: string }>()) {
  const wanted = coreMachines(cluster.machines, { count, servers: 1, metadata });
  return planCluster(cluster, wanted, zeros).cluster;
}

/** `web-01.11 db-01.21`: names with the last bytes of their addresses. */
function wanting(text: string): readonly WantedMachine[] {
  return text.split(" ").map((word) => {
    const [name = "", number] = word.split(".");
    return {
      name,
      number: Number(number),
      metadata: {},
      equipment: PLAIN_EQUIPMENT,
      isServer: false,
    };
  });
}

test("machines are numbered from 1, with ids that sort like the numbers", () => {
  const { machines } = grown(EMPTY, MACHINES_MAX);
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

test("growing keeps the machines there are and gives new ones their metadata", () => {
  const counts = fc.tuple(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 99 }));
  fc.assert(
    fc.property(counts, ([one, other]) => {
      const [few, many] = [Math.min(one, other), Math.max(one, other)];
      const small = grown(EMPTY, few);
      const last = `core-${String(many).padStart(2, "0")}`;
      const cluster = grown(small, many, new Map([[last, { disk: "ssd" }]]));
      assert.equal(cluster.machines.length, many);
      assert.deepEqual(cluster.machines.slice(0, few), small.machines);
      if (many > few)
        assert.deepEqual(cluster.machines.at(-1)?.metadata, { role: "worker", disk: "ssd" });
    }),
  );
});

for (const count of [0, -1, 1.5, Number.NaN, MACHINES_MAX + 1])
  test(`coreMachines() refuses ${count} machines`, () => {
    const wish = { count, servers: 1, metadata: new Map() };
    assert.throws(() => coreMachines([], wish), { code: "USAGE" });
  });

test("a plan keeps machines' addresses and ids and says what is not wanted and what is elsewhere", () => {
  const before = planCluster(EMPTY, wanting("web-01.1 web-02.2 db-01.11"), zeros).cluster;
  const plan = planCluster(before, wanting("web-01.5 web-02.2 web-03.7"), ones);
  assert.deepEqual(
    plan.cluster.machines.map(({ name, address, id }) => `${name} ${address} ${id.slice(0, 9)}`),
    [
      "web-01 127.0.9.1 abc123010",
      "web-02 127.0.9.2 abc123020",
      "web-03 127.0.9.7 abc123071",
      "db-01 127.0.9.11 abc1230b0",
    ],
  );
  assert.deepEqual(
    plan.surplus.map(({ name }) => name),
    ["db-01"],
  );
  assert.deepEqual(
    plan.elsewhere.map(({ name }) => name),
    ["web-01"],
  );
});

test("a plan never gives two machines one address", () => {
  const before = planCluster(EMPTY, wanting("web-01.1 db-01.11"), zeros).cluster;
  assert.throws(() => planCluster(before, wanting("web-01.1 new-01.11"), zeros), {
    code: "USAGE",
    message: /Cannot make new-01: 127\.0\.9\.11 is the address of db-01; .*keelson destroy db-01/,
  });
});

test("a plan changes the equipment of machines there are, which changes their settings' text", () => {
  const before = planCluster(EMPTY, wanting("web-01.1"), zeros).cluster;
  const equipment = { ...PLAIN_EQUIPMENT, memoryBytes: 2 ** 30 };
  const wanted = wanting("web-01.1").map((machine) => ({ ...machine, equipment }));
  const [old] = before.machines;
  const [now] = planCluster(before, wanted, zeros).cluster.machines;
  assert.ok(old && now);
  assert.deepEqual(now.equipment, equipment);
  assert.notEqual(settingsOf(now), settingsOf(old));
  assert.equal(
    settingsOf({ ...old, metadata: { b: "1", a: "2" } }),
    settingsOf({ ...old, metadata: { a: "2", b: "1" } }),
  );
});

test("a machine whose disk is gone gets another id at the same address, and forgets what it booted with", () => {
  const [machine] = grown(EMPTY, 1).machines;
  assert.ok(machine);
  const booted = { settings: "x", userData: "y" };
  const forgotten = forgetDisk({ ...machine, userData: "y", booted }, EMPTY, ones);
  assert.deepEqual(forgotten, { ...machine, id: `abc12301${ones(24)}` });
});

test("initialCluster() names the machines that hold the store", () => {
  const wanted = coreMachines([], { count: 3, servers: 2, metadata: new Map() });
  assert.equal(
    initialCluster(planCluster(EMPTY, wanted, zeros).cluster),
    "core-01=http://127.0.9.1:2380,core-02=http://127.0.9.2:2380",
  );
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
