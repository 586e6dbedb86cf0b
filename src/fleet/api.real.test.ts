import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { ask, signal, startNodes, until } from "./api-nodes.ts";
import { openFleetClient } from "./client.ts";

const OPTIONS = [{ section: "Service", name: "ExecStart", value: "/bin/sleep infinity" }];

test("the API shows, sets and destroys units as the original's does, and reads its own writes", async (t) => {
  const [a] = await startNodes(t, "a");
  const id = a!.machine.machine.id;
  const unit = JSON.stringify({ desiredState: "launched", options: OPTIONS });
  assert.deepEqual(await ask(a!, "GET", "/fleet/v1/units"), [200, "{}"]);
  assert.deepEqual(await ask(a!, "GET", "/fleet/v1/machines"), [
    200,
    `{"machines":[{"id":"${id}","metadata":{"role":"a"},"primaryIP":"127.0.0.1"}]}`,
  ]);
  assert.deepEqual(await ask(a!, "PUT", "/fleet/v1/units/a.service", unit), [201, ""]);
  const [, shown] = await ask(a!, "GET", "/fleet/v1/units/a.service");
  assert.match(
    shown,
    /"desiredState":"launched".*"name":"a.service","options":\[\{"name":"ExecStart","section":"Service","value":"\/bin\/sleep infinity"\}\]\}$/,
  );
  await until("it is launched", async () =>
    (await ask(a!, "GET", "/fleet/v1/units/a.service"))[1].startsWith('{"currentState":"launched"'),
  );
  await until("it is active", async () =>
    (await ask(a!, "GET", "/fleet/v1/state/a.service"))[1].includes('"active"'),
  );
  assert.deepEqual(await ask(a!, "GET", "/fleet/v1/state?unitName=a.service"), [
    200,
    `{"states":[{"hash":"8385c9176f09a5ee3bbb88d45c6fc3f0b69d1f52","machineID":"${id}","name":"a.service","systemdActiveState":"active","systemdLoadState":"loaded","systemdSubState":"running"}]}`,
  ]);
  assert.deepEqual(await ask(a!, "PUT", "/fleet/v1/units/a.service", '{"desiredState":"loaded"}'), [
    204,
    "",
  ]);
  assert.match((await ask(a!, "GET", "/fleet/v1/units/a.service"))[1], /"desiredState":"loaded"/);
  assert.deepEqual(await ask(a!, "DELETE", "/fleet/v1/units/a.service"), [204, ""]);
  assert.deepEqual(await ask(a!, "GET", "/fleet/v1/units"), [200, "{}"]);
  await until(
    "its state is gone",
    async () => (await ask(a!, "GET", "/fleet/v1/state"))[1] === "{}",
  );
});

test("the API refuses as the original's does", async (t) => {
  const [a] = await startNodes(t, "a");
  const error = (code: number, message: string) => [
    code,
    JSON.stringify({ error: { code, message } }),
  ];
  const cases = [
    ["GET", "/fleet/v1", 405, ""],
    ["GET", "/", 405, ""],
    ["GET", "/v1-alpha", 405, ""],
    ["GET", "/fleet/v1/", 404, ""],
    ["GET", "/fleet/v2/units", 404, ""],
    ["POST", "/fleet/v1/discovery", 400, "only HTTP GET supported against this resource"],
    ["GET", "/fleet/v1/bogus", 404, ""],
    ["GET", "/fleet/v1/units/", 404, ""],
    ["GET", "/fleet/v1/units/a/b", 404, ""],
    ["GET", "/fleet/v1/units/zz.service", 404, "unit does not exist"],
    ["DELETE", "/fleet/v1/units/zz.service", 404, "unit does not exist"],
    ["DELETE", "/fleet/v1/units", 405, "only GET supported against this resource"],
    [
      "POST",
      "/fleet/v1/units/a.service",
      405,
      "only GET, PUT and DELETE supported against this resource",
    ],
    ["DELETE", "/fleet/v1/machines", 405, "only GET and PATCH supported against this resource"],
    ["PUT", "/fleet/v1/state", 405, "only GET supported against this resource"],
    [
      "GET",
      "/fleet/v1/units?nextPageToken=bogus",
      400,
      'nextPageToken "bogus" is none that this API gave',
    ],
    ["GET", "/fleet/v1/units?limit=0", 400, 'limit "0" is no number of entries'],
    ["GET", "/fleet/v1/state/zz.service", 404, "no machine reports a state of unit zz.service"],
    ["GET", "/fleet/v1/units/%zz", 400, "the path is not a valid percent-encoding"],
    ["GET", "/fleet/v1/units/zz.service/status", 404, "unit does not exist"],
    ["PUT", "/fleet/v1/units/new.service", 415, "expected 1 Content-Type, got 0"],
    ["POST", "/fleet/v1/plan/x", 404, ""],
  ] as const;
  for (const [method, path, code, message] of cases)
    assert.deepEqual(await ask(a!, method, path), error(code, message), `${method} ${path}`);
  assert.deepEqual(
    await ask(a!, "PUT", "/fleet/v1/units/n.service", "{}", { "content-type": "text/plain" }),
    error(415, "only acceptable Content-Type is application/json"),
  );
  assert.deepEqual(
    await ask(a!, "PUT", "/fleet/v1/units/n.service", "[]"),
    error(400, "unable to decode body: it is no JSON object"),
  );
  assert.deepEqual(
    await ask(a!, "PUT", "/fleet/v1/units/n.service", " ".repeat(2 * 1024 * 1024 + 1)),
    error(413, "request body is longer than 2097152 bytes"),
  );
});

test("lists come in pages, and the client puts them together", async (t) => {
  const [a] = await startNodes(t, "a");
  const client = openFleetClient({ endpoints: ["unix:///nowhere.sock", a!.unix] });
  const names = ["a", "b", "c", "d", "e", "f", "g"].map((n) => `${n}.service`);
  for (const name of names.toReversed())
    assert.equal(
      await client.setUnit({ name, desiredState: "inactive", options: OPTIONS }, signal),
      "created",
    );
  assert.match(
    (await ask(a!, "GET", "/fleet/v1/units"))[1],
    /^\{"nextPageToken":"AwACAA==","units":/,
  );
  assert.match(
    (await ask(a!, "GET", "/fleet/v1/units?limit=6"))[1],
    /^\{"nextPageToken":"BgACAA=="/,
  );
  assert.deepEqual(
    (await client.listUnits(signal)).map(({ name }) => name),
    names,
  );
  assert.equal(await client.getUnit("zz.service", signal), undefined);
  assert.equal(await client.deleteUnit("zz.service", signal), false);
  assert.equal(await client.deleteUnit("a.service", signal), true);
  await assert.rejects(client.setUnit({ name: "new.service", desiredState: "loaded" }, signal), {
    code: "FLEET_REFUSED",
    message: "unit does not exist and options field empty",
    facts: { status: 409 },
  });
  await assert.rejects(openFleetClient({ endpoints: ["unix:///nowhere.sock"] }).listUnits(signal), {
    code: "FLEET_UNREACHABLE",
    message: /^Cannot reach fleet: no endpoint answered: unix:\/\/\/nowhere.sock \(/,
  });
});

test("status and journal come from the machine that runs the unit, whoever is asked", async (t) => {
  const nodes = await startNodes(t, "a", "b");
  const client = openFleetClient({ endpoints: [nodes[0]!.url] });
  const [a, b] = nodes.map(({ machine }) => machine.machine.id);
  for (const role of ["a", "b"]) {
    const options = [
      ...OPTIONS,
      { section: "X-Fleet", name: "MachineMetadata", value: `role=${role}` },
    ];
    await client.setUnit({ name: `${role}.service`, desiredState: "launched", options }, signal);
  }
  const options = [...OPTIONS, { section: "X-Fleet", name: "Global", value: "true" }];
  await client.setUnit({ name: "g.service", desiredState: "launched", options }, signal);
  await until(
    "all run",
    async () =>
      (await client.listStates({}, signal)).filter((s) => s.systemdActiveState === "active")
        .length === 4,
  );
  for (const role of ["a", "b"])
    assert.deepEqual(await client.status(`${role}.service`, {}, signal), {
      exitStatus: 3,
      text: `${role}.service on ${role}\n`,
    });
  assert.equal(
    (await client.status("g.service", { machineID: b! }, signal)).text,
    "g.service on b\n",
  );
  assert.equal((await client.status("g.service", {}, signal)).text, "g.service on a\n");
  let text = "";
  for await (const piece of client.journal("b.service", { lines: 7, output: "cat" }, signal))
    text += piece;
  assert.equal(text, "b.service on b 7 cat\n");
  const stop = new AbortController();
  text = "";
  const following = (async () => {
    for await (const piece of client.journal("b.service", { follow: true }, stop.signal)) {
      text += piece;
      if (text.endsWith("more\n")) stop.abort();
    }
  })();
  await assert.rejects(following, { name: "AbortError" });
  assert.equal(text, "b.service on b 10 short\nmore\n");
  const reasons = await client.reasons("b.service", signal);
  assert.deepEqual(reasons, {
    unit: "b.service",
    placed: b!,
    reasons: [
      { machineID: a!, fits: false, reason: "MachineMetadata role=b: machine has role=a" },
      { machineID: b!, fits: true, reason: "it is placed here" },
    ],
  });
  await assert.rejects(client.status("a.service", { machineID: "x" }, signal), {
    message: "there is no machine x",
  });
});

test("without the store the API answers 503 and says since when, and recovers", async (t) => {
  const [a] = await startNodes(t, "a");
  a!.link.cut();
  await until("it says so", async () => (await ask(a!, "GET", "/fleet/v1/units"))[0] === 503);
  const [, body] = await ask(a!, "GET", "/fleet/v1/machines");
  assert.match(
    body,
    /"code":503,"message":"fleet server unable to communicate with etcd: the store has not been followed since 20\d\d-.*units go on running/,
  );
  a!.link.mend();
  await until("it answers again", async () => (await ask(a!, "GET", "/fleet/v1/units"))[0] === 200);
});

test("the API answers at its older path, with slashes too many, and whatever the case of members", async (t) => {
  const [a] = await startNodes(t, "a");
  for (const path of ["/v1-alpha/units", "//fleet/v1//units"])
    assert.deepEqual(await ask(a!, "GET", path), [200, "{}"]);
  const unit = JSON.stringify({ Name: "a.service", DesiredState: "inactive", Options: OPTIONS });
  assert.deepEqual(await ask(a!, "PUT", "/fleet/v1/units/a.service", unit), [201, ""]);
  const tooLong = { "x-long": "x".repeat(20_000) };
  assert.match(
    (await ask(a!, "GET", "/fleet/v1/units", "", tooLong))[1],
    /^\{"error":\{"code":431,"message":"the request cannot be read as HTTP: /,
  );
});

test("a client of the original is shown a unit that it halts as launched once more, when its machine began to stop it", async (t) => {
  const [a] = await startNodes(t, "a");
  const path = "/fleet/v1/units/a.service";
  const json = "application/json";
  const original = { "content-type": json, "user-agent": "google-api-go-client/0.5" };
  const set = (desiredState: string, headers: Record<string, string>) =>
    ask(a!, "PUT", path, JSON.stringify({ desiredState, options: OPTIONS }), headers);
  const state = async (headers: Record<string, string>) => {
    const [, text] = await ask(a!, "GET", path, "", headers);
    return (JSON.parse(text) as { currentState: string }).currentState;
  };
  assert.deepEqual(await set("launched", original), [201, ""]);
  await until("it is launched", async () => (await state({})) === "launched");
  assert.deepEqual(await set("loaded", original), [204, ""]);
  await until("others see that it is loaded", async () => (await state({})) === "loaded");
  assert.equal(await state(original), "launched");
  assert.equal(await state(original), "loaded");
  await set("launched", original);
  await until("it is launched again", async () => (await state(original)) === "launched");
  await set("loaded", { "content-type": json });
  await until("only the original's clients", async () => (await state(original)) === "loaded");
});

test("machine metadata can be patched, in both forms, and is seen at once", async (t) => {
  const [a] = await startNodes(t, "a");
  const id = a!.machine.machine.id;
  const patch = (op: string, value: unknown) =>
    ask(
      a!,
      "PATCH",
      "/fleet/v1/machines",
      JSON.stringify([{ op, path: `/${id}/metadata/disk`, value }]),
    );
  assert.deepEqual(await patch("add", { value: "ssd" }), [204, ""]);
  assert.match(
    (await ask(a!, "GET", "/fleet/v1/machines"))[1],
    /"metadata":\{"disk":"ssd","role":"a"\}/,
  );
  assert.deepEqual(await patch("replace", "hdd"), [204, ""]);
  assert.match((await ask(a!, "GET", "/fleet/v1/machines"))[1], /"disk":"hdd"/);
  assert.deepEqual(await patch("remove", undefined), [204, ""]);
  assert.doesNotMatch((await ask(a!, "GET", "/fleet/v1/machines"))[1], /disk/);
  assert.equal((await patch("bogus", "x"))[0], 400);
  const role = `[{"op":"remove","path":"/${id}/metadata/role"}]`;
  const any = { "content-type": "application/x-www-form-urlencoded" }; // as curl sends it
  assert.deepEqual(await ask(a!, "PATCH", "/fleet/v1/machines", role, any), [204, ""]);
  assert.doesNotMatch((await ask(a!, "GET", "/fleet/v1/machines"))[1], /metadata/);
  const hidden = JSON.stringify([{ op: "add", path: `/${id}/metadata/_disk`, value: "ssd" }]);
  assert.deepEqual(await ask(a!, "PATCH", "/fleet/v1/machines", hidden), [
    400,
    '{"error":{"code":400,"message":"metadata key _disk begins with _; use another name"}}',
  ]);
});

test("leave by the API: the units stop, the machine goes, and only its own daemon does that", async (t) => {
  const nodes = await startNodes(t, "a", "b");
  const [a, b] = nodes.map(({ machine }) => machine.machine.id);
  const client = openFleetClient({ endpoints: [nodes[0]!.unix] });
  await client.setUnit({ name: "x.service", desiredState: "launched", options: OPTIONS }, signal);
  await until(
    "it runs on a",
    async () =>
      (await client.listStates({ machineID: a! }, signal))[0]?.systemdActiveState === "active",
  );
  await assert.rejects(client.leave(b!, signal), { code: "FLEET_REFUSED" });
  await client.leave(a!, signal);
  const other = openFleetClient({ endpoints: [nodes[1]!.unix] });
  await until(
    "it runs on b",
    async () =>
      (await other.listStates({ machineID: b! }, signal))[0]?.systemdActiveState === "active",
  );
  assert.deepEqual(
    (await other.listMachines(signal)).map(({ id }) => id),
    [b],
  );
});

test("a client that goes away ends what it asked for", async (t) => {
  const [a] = await startNodes(t, "a");
  const client = openFleetClient({ endpoints: [a!.unix] });
  await client.setUnit({ name: "x.service", desiredState: "launched", options: OPTIONS }, signal);
  await until(
    "it is placed",
    async () => (await client.getUnit("x.service", signal))?.machineID !== undefined,
  );
  const sent = request({
    socketPath: a!.unix.slice("unix://".length),
    path: "/fleet/v1/units/x.service/journal?follow=true",
  });
  sent.on("error", () => {});
  sent.end();
  const { promise, resolve } = Promise.withResolvers<void>();
  sent.on("response", (response) => response.once("data", () => resolve()));
  await promise;
  sent.destroy();
  assert.deepEqual(await ask(a!, "GET", "/fleet/v1/state?machineID=nope"), [200, "{}"]);
});
