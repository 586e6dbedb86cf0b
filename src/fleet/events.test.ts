import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import { ask, signal, startNodes, until } from "./api-nodes.ts";
import { openFleetClient } from "./client.ts";
import { isWanted } from "./core/event-record.ts";
import type { FleetEvent } from "./core/fleet-event.ts";
import { sampleMachine } from "./core/sample-cluster.ts";
import { CuttableKeys } from "./cuttable-keys.ts";
import { EventHistory } from "./event-history.ts";
import { StoredEvents } from "./stored-events.ts";
import { hashOf } from "./unit-files.ts";

const OPTIONS = [{ section: "Service", name: "ExecStart", value: "/bin/sleep infinity" }];
const ALL = { unit: undefined, machine: undefined, since: undefined, from: undefined, waitMs: 0 };
const ME = sampleMachine("a");

async function givenStore() {
  const clock = systemClock;
  const random = seededRandom(1);
  const stack = new AsyncDisposableStack();
  const log = new MemoryLog(new MemoryDisk(), { clock, random, delayMaxMs: 0 });
  const server = stack.use(new KeysServer(log, { clock, random, onFault: () => {} }));
  const keys = new CuttableKeys(new LocalKeys(server));
  const directory = "/fleet-events";
  const options = { keys, directory, me: ME, clock, random, logger: openLogger("silent") };
  const events = new StoredEvents(options);
  const history = new EventHistory(keys, directory, clock);
  const end = new AbortController();
  const running = events.run(end.signal).catch(() => {});
  stack.defer(async () => {
    end.abort();
    await running;
  });
  return { keys, events, history, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("events that are told together share a key, in their order", async () => {
  await using store = await givenStore();
  const { events, history, keys } = store;
  for (let i = 0; i < 150; i++) events.tell({ what: `did ${i}`, who: "me", why: "so" });
  await until("all are there", async () => (await history.read(ALL, signal)).events.length === 150);
  const { events: read } = await history.read(ALL, signal);
  assert.deepEqual(
    read.map(({ what }) => what),
    Array.from({ length: 150 }, (_, i) => `did ${i}`),
  );
  const { event } = await keys.get("/fleet-events", { recursive: true }, signal);
  assert.equal(event.node.nodes?.length, 2);
  for (const { ttl = 0 } of event.node.nodes ?? [])
    assert.ok(ttl > 6.9 * 86_400 && ttl <= 7 * 86_400);
});

test("telling never fails while the store is away; what was told then comes once", async () => {
  await using store = await givenStore();
  const { events, history, keys } = store;
  keys.cut();
  for (let i = 0; i < 2_500; i++) events.tell({ what: `did ${i}`, who: "me", why: "so" });
  assert.equal(events.dropped, 500);
  keys.mend();
  await until(
    "they are there",
    async () => (await history.read(ALL, signal)).events.length === 2_000,
  );
});

test("whoever waits is told of what comes, from where he was, and of nothing else", async () => {
  await using store = await givenStore();
  const { events, history } = store;
  const { next } = await history.read(ALL, signal);
  const query = { ...ALL, unit: "web@*.service", from: next, waitMs: 20_000 };
  const waiting = history.read(query, signal);
  events.tell({ what: "started", unit: "db.service", who: "me", why: "so" });
  await until("db is there", async () => (await history.read(ALL, signal)).events.length === 1);
  events.tell({ what: "started", unit: "web@1.service", who: "me", why: "so" });
  const page = await waiting;
  assert.deepEqual(
    page.events.map(({ unit }) => unit),
    ["web@1.service"],
  );
  assert.deepEqual(await history.read({ ...query, from: page.next, waitMs: 30 }, signal), {
    events: [],
    next: page.next,
  });
});

test("a daemon that stops keeps what it told last", async () => {
  const clock = new FakeClock();
  const written: string[] = [];
  const keys = { set: async (_: string, value: string) => void written.push(value) };
  const options = { directory: "/e", me: ME, clock, random: () => 0, logger: openLogger("silent") };
  const events = new StoredEvents({ ...options, keys: keys as never });
  const end = new AbortController();
  const running = events.run(end.signal).catch(() => {});
  events.tell({ what: "follows", machine: ME, who: "me", why: "x".repeat(10_000) });
  end.abort();
  await running;
  const [event] = JSON.parse(written[0]!) as FleetEvent[];
  assert.equal(event?.what, "follows");
  assert.equal(event?.why.length, 500);
});

const EVENT: FleetEvent = {
  at: "2026-01-01T12:00:00.000Z",
  what: "moved",
  unit: "a.service",
  machine: "bb1",
  before: "aa1",
  after: "bb1",
  who: "engine",
  why: "",
};
const WANTED: readonly (readonly [filter: object, is: boolean])[] = [
  [{}, true],
  [{ unit: "a.service" }, true],
  [{ unit: "a.*" }, true],
  [{ unit: "b.service" }, false],
  [{ machine: "aa" }, true],
  [{ machine: "bb1" }, true],
  [{ machine: "b1" }, false],
  [{ since: "2026-01-01T12:00:00.000Z" }, true],
  [{ since: "2026-01-01T12:00:00.001Z" }, false],
];
for (const [filter, is] of WANTED)
  test(`isWanted() with ${JSON.stringify(filter)} is ${is}`, () => {
    assert.equal(isWanted(EVENT, { ...ALL, ...filter }), is);
  });

test("another text of a unit is told by its hashes, and another wish beside that", async (t) => {
  const [a] = await startNodes(t, "a");
  const client = openFleetClient({ endpoints: [a!.unix], user: "alice@laptop" });
  const name = "a.service";
  const options = OPTIONS.map((option) => ({ ...option, value: "/bin/sleep 1h" }));
  await client.setUnit({ name, desiredState: "inactive", options: OPTIONS }, signal);
  await client.setUnit({ name, desiredState: "inactive", options }, signal);
  await client.setUnit({ name, desiredState: "loaded", options: OPTIONS }, signal);
  const told = async () =>
    (await client.events({ unit: name }, signal)).events
      .filter(({ who }) => who.startsWith("alice"))
      .map(({ what, before, after }) => [what, before, after]);
  await until("all is told", async () => (await told()).length === 4);
  const [first, second] = [OPTIONS, options].map((all) => hashOf(serialiseUnitFile(all)));
  assert.deepEqual(await told(), [
    ["submitted", undefined, "inactive"],
    ["changed", first, second],
    ["changed", second, first],
    ["set", "inactive", "loaded"],
  ]);
});

test("the API tells who did what to a unit, and what fleet made of it", async (t) => {
  const [a] = await startNodes(t, "a");
  const client = openFleetClient({ endpoints: [a!.unix], user: "alice@laptop" });
  const unit = { name: "a.service", desiredState: "launched" as const, options: OPTIONS };
  await client.setUnit(unit, signal);
  const of = async (name: string) =>
    (await client.events({ unit: name }, signal)).events.map((event) => event.what);
  await until("it is started", async () => (await of("a.service")).includes("started"));
  await client.setUnit({ name: "a.service", desiredState: "loaded" }, signal);
  await until("it is stopped", async () => (await of("a.service")).includes("stopped"));
  await client.deleteUnit("a.service", signal);
  await until("it is unloaded", async () => (await of("a.service")).includes("unloaded"));
  const { events } = await client.events({ unit: "a.service" }, signal);
  const { id } = a!.machine.machine;
  assert.deepEqual(
    events.map(({ what, who, before, after }) => [what, who, before, after]),
    [
      ["submitted", `alice@laptop (as claimed, on machine ${id})`, undefined, "launched"],
      ["placed", `engine on ${id}`, undefined, undefined],
      ["started", `agent on ${id}`, undefined, undefined],
      ["set", `alice@laptop (as claimed, on machine ${id})`, "launched", "loaded"],
      ["stopped", `agent on ${id}`, undefined, undefined],
      ["destroyed", `alice@laptop (as claimed, on machine ${id})`, undefined, undefined],
      ["unloaded", `agent on ${id}`, undefined, undefined],
    ],
  );
  for (const { why } of events) assert.notEqual(why, "");
  for (const limit of [0, 2])
    assert.equal((await client.events({ unit: "a.service", limit }, signal)).events.length, limit);
  const cluster = (await client.events({ machine: id.slice(0, 8) }, signal)).events.map(
    (e) => e.what,
  );
  assert.ok(cluster.includes("joined") && cluster.includes("leads"), cluster.join(" "));
});

const REFUSED: readonly (readonly [query: string, message: RegExp])[] = [
  ["since=yesterday", /since \\"yesterday\\" is neither a time such as/],
  ["wait=61", /wait \\"61\\" is no number from 0 to 60/],
  ["limit=-1", /limit \\"-1\\" is no number from 0 to 100000/],
];
test("the API refuses questions about events that it cannot understand", async (t) => {
  const [a] = await startNodes(t, "a");
  for (const [query, message] of REFUSED) {
    const [status, body] = await ask(a!, "GET", `/fleet/v1/events?${query}`);
    assert.equal(status, 400);
    assert.match(body, message);
  }
});
