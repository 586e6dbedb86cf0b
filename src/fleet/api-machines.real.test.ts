import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { ask, type Node, signal, startNodes, until } from "./api-nodes.ts";
import { openFleetClient } from "./client.ts";
import type { SchemaDrain, SchemaMachine } from "./core/schema.ts";

const OPTIONS = [{ section: "Service", name: "ExecStart", value: "/bin/sleep infinity" }];

async function start(node: Node, name: string, ...fleet: string[]): Promise<void> {
  const own = fleet.map((line) => {
    const [key = "", ...value] = line.split("=");
    return { section: "X-Fleet", name: key, value: value.join("=") };
  });
  const unit = JSON.stringify({ desiredState: "launched", options: [...OPTIONS, ...own] });
  assert.equal((await ask(node, "PUT", `/fleet/v1/units/${name}`, unit))[0], 201);
  const { model } = node.machine.feed;
  await until(`${name} is active`, () => {
    const target = model.jobs.get(name as UnitName)?.target?.value;
    const state = target && model.states.get(name as UnitName)?.get(target);
    return state?.activeState === "active";
  });
}

async function machines(node: Node, query = ""): Promise<SchemaMachine[]> {
  const [, text] = await ask(node, "GET", `/fleet/v1/machines${query}`);
  return (JSON.parse(text) as { machines: SchemaMachine[] }).machines;
}

test("a machine is cordoned, drained and opened again by any daemon's API", async (t) => {
  const [a, b] = await startNodes(t, "a", "b");
  const { id } = b!.machine.machine;
  const path = `/fleet/v1/machines/${id}`;
  await start(a!, "x.service", `MachineID=${id}`);
  const why = JSON.stringify({ by: "alice", why: "disk" });
  assert.deepEqual(await ask(a!, "POST", `${path}/cordon`, why), [204, ""]);
  assert.equal((await machines(a!))[1]?.state, "cordoned");
  const drain = JSON.stringify({ by: "alice", deadlineSeconds: 3600 });
  assert.deepEqual(await ask(a!, "POST", `${path}/drain`, drain), [204, ""]);
  const [status, text] = await ask(a!, "GET", `${path}/drain`);
  const progress = JSON.parse(text) as SchemaDrain;
  assert.deepEqual([status, progress.state, progress.by], [200, "draining", "alice"]);
  assert.ok(Date.parse(progress.deadline!) > Date.now() + 3_000_000);
  assert.deepEqual(
    progress.units.map(({ fate, unit }) => [unit, fate]),
    [["x.service", "stays"]],
  );
  assert.deepEqual(await ask(a!, "DELETE", `${path}/drain`), [204, ""]);
  assert.equal((await machines(a!))[1]?.state, "cordoned");
  assert.deepEqual(await ask(a!, "DELETE", `${path}/cordon`), [204, ""]);
  assert.equal((await machines(a!))[1]?.state, undefined);
});

test("requests about machines are refused with what is wrong, and change nothing", async (t) => {
  const [a] = await startNodes(t, "a");
  const { id } = a!.machine.machine;
  const cases = [
    ["POST", "/fleet/v1/machines/zz/cordon", "{}", 404, /there is no machine zz/],
    ["POST", `/fleet/v1/machines/${id}/cordon`, '{"by":7}', 400, /by: .*string/],
    ["POST", `/fleet/v1/machines/${id}/drain`, '{"deadlineSeconds":-1}', 400, /deadlineSeconds/],
    ["POST", `/fleet/v1/machines/${id}/drain`, "{", 400, /unable to decode body/],
    ["GET", `/fleet/v1/machines/${id}/cordon`, undefined, 405, /only POST and DELETE/],
    ["GET", `/fleet/v1/machines/${id}/bogus`, undefined, 404, /^$/],
    ["DELETE", `/fleet/v1/machines/${"0".repeat(32)}`, undefined, 404, /nothing is on record/],
    ["DELETE", `/fleet/v1/machines/${id}`, undefined, 409, /it is alive \(ready\); drain it first/],
    ["POST", "/fleet/v1/units/x.service/move", "{}", 404, /unit does not exist/],
  ] as const;
  for (const [method, path, body, status, message] of cases) {
    const [got, text] = await ask(a!, method, path, body);
    const { error } = JSON.parse(text) as { error: { message: string } };
    assert.equal(got, status, path);
    assert.match(error.message, message);
  }
  assert.equal((await machines(a!))[0]?.state, undefined);
});

test("a machine that lost only the store is not removed unless that is forced", async (t) => {
  const [a, b] = await startNodes(t, "a", "b");
  const { id } = b!.machine.machine;
  await start(a!, "x.service", "MachineMetadata=role=b");
  b!.link.cut();
  const { model } = a!.machine.feed;
  await until("it is held", () => model.machine(id)?.held !== undefined);
  const [status, text] = await ask(a!, "DELETE", `/fleet/v1/machines/${id}`);
  assert.equal(status, 409);
  assert.match(text, /is alive \(held\): machine \w+ is alive at http.*force/);
  assert.ok(model.machine(id)?.removed === undefined);
  const forced = JSON.stringify({ force: true });
  assert.deepEqual(await ask(a!, "DELETE", `/fleet/v1/machines/${id}`, forced), [204, ""]);
  assert.ok(model.machine(id)?.removed !== undefined);
});

test("a machine that is drained, or forced, leaves and goes off the record; its units run elsewhere", async (t) => {
  const [a, b, c] = await startNodes(t, "a", "b", "c");
  const client = openFleetClient({ endpoints: [a!.url] });
  const { model } = a!.machine.feed;
  const how = { by: "alice", why: "" };
  for (const i of [1, 2, 3]) await start(a!, `u${i}.service`);
  for (const [node, force] of [
    [b!, false],
    [c!, true],
  ] as const) {
    const { id } = node.machine.machine;
    if (!force) {
      await client.drain(id, { ...how, deadlineSeconds: undefined }, signal);
      await until("it is drained", async () => {
        const { state, units } = await client.drainProgress(id, signal);
        return state === "drained" && units.length === 0;
      });
    }
    await client.removeMachine(id, { ...how, force }, signal);
    assert.ok(!(await machines(a!, "?all=true")).some((machine) => machine.id === id));
    const { api, cordoned, draining, facts, incarnation, removed } = model.machine(id)!;
    assert.deepEqual([api, cordoned, draining, facts, incarnation], Array(5).fill(undefined));
    assert.equal(removed?.value.by, "alice");
  }
  const { id } = a!.machine.machine;
  await until("all units run on a", () =>
    [1, 2, 3].every(
      (i) => model.states.get(`u${i}.service` as UnitName)?.get(id)?.activeState === "active",
    ),
  );
});
