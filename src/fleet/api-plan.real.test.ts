import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, signal, startNodes, until } from "./api-nodes.ts";
import { openFleetClient } from "./client.ts";

const OPTIONS = [{ section: "Service", name: "ExecStart", value: "/bin/sleep infinity" }];
const PATH = "/fleet/v1/plan";

test("POST /plan tells whoever is asked where units would run, and writes nothing", async (t) => {
  const nodes = await startNodes(t, "a", "b", "c");
  const wanting = (name: string, value: string) => [
    ...OPTIONS,
    { section: "X-Fleet", name, value },
  ];
  const units = [
    { name: "w.service", options: OPTIONS },
    { name: "x.service", options: wanting("MachineMetadata", "role=b") },
    { name: "y.service", options: wanting("MachineOf", "x.service") },
    { name: "z.service", options: wanting("MachineMetadata", "role=none") },
  ].map((unit) => ({ ...unit, desiredState: "launched" as const }));
  const plans = await Promise.all(
    nodes.map(({ unix }) => openFleetClient({ endpoints: [unix] }).plan(units, signal)),
  );
  const [plan] = plans;
  for (const other of plans) assert.deepEqual(other, plan);
  const client = openFleetClient({ endpoints: [nodes[0]!.unix] });
  assert.deepEqual(await client.listUnits(signal), []);

  for (const unit of units) await client.setUnit(unit, signal);
  await until("all are placed that can be", async () => {
    const there = await client.listUnits(signal);
    return there.filter(({ machineID }) => machineID !== undefined).length === 3;
  });
  const placed = (await client.listUnits(signal)).map(({ name, machineID }) => [name, machineID]);
  assert.deepEqual(
    plan!.units.map(({ unit, to }) => [unit, to ?? undefined]),
    placed,
  );
  assert.deepEqual(
    plan!.units[3]?.reasons.map(({ fits }) => fits),
    [false, false, false],
  );
});

test("POST /plan refuses what a PUT would be refused for, and bodies that are none", async (t) => {
  const [a] = await startNodes(t, "a");
  const unit = (more: object) => JSON.stringify({ units: [{ name: "a.service", ...more }] });
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ["{", 400, /^unable to decode body: /],
    ["{}", 400, /^unable to decode body: units: /],
    [unit({}), 409, /^unit does not exist and options field empty$/],
    [unit({ desiredState: "up", options: OPTIONS }), 400, /invalid desired state "up"/],
    ['{"units":[{"name":"a b.service"}]}', 400, /invalid character/],
    ['{"units":[{"name":"a.service"},{"name":"a.service"}]}', 400, /"a.service" is in .* twice$/],
  ];
  for (const [body, status, message] of cases) {
    const [code, text] = await ask(a!, "POST", PATH, body);
    assert.equal(code, status, body);
    const { error } = JSON.parse(text) as { error: { message: string } };
    assert.match(error.message, message, body);
  }
  assert.deepEqual(await ask(a!, "GET", PATH), [
    405,
    '{"error":{"code":405,"message":"only POST supported against this resource"}}',
  ]);
  a!.link.cut();
  await until("it says that it has lost the store", async () => {
    const [code] = await ask(a!, "POST", PATH, unit({ options: OPTIONS }));
    return code === 503;
  });
});
