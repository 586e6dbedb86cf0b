import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

const WALL_START_MS = Date.UTC(2026, 0, 1);
const signal = AbortSignal.timeout(60_000);

function open(t: TestContext, disk = new MemoryDisk(), clock = new FakeClock(WALL_START_MS)) {
  const random = seededRandom(1);
  const log = new MemoryLog(disk, { clock, random, delayMaxMs: 0 });
  const server = new KeysServer(log, {
    clock,
    random: seededRandom(disk.opened),
    snapshotEvery: 10,
    onFault: () => {},
  });
  t.after(() => server[Symbol.asyncDispose]());
  return { disk, clock, log, server, keys: new LocalKeys(server) };
}

function hashOf(server: KeysServer): string {
  return server.stateHash((texts) => {
    const hash = createHash("sha256");
    for (const text of texts) hash.update(text).update("\n");
    return hash.digest("hex");
  });
}

async function take(events: AsyncIterable<KeyEvent>, count: number): Promise<KeyEvent[]> {
  const taken: KeyEvent[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

test("set() creates, then replaces with the key's former state in prevNode", async (t) => {
  const { keys } = open(t);
  const created = await keys.set("/a/b", "1", {}, signal);
  assert.deepEqual(created, {
    event: { action: "set", node: { key: "/a/b", value: "1", modifiedIndex: 4, createdIndex: 4 } },
    etcdIndex: 4,
  });
  const replaced = await keys.set("/a/b", "2", {}, signal);
  assert.deepEqual(replaced.event.prevNode, created.event.node);
  const listed = await keys.get("/", { recursive: true }, signal);
  assert.deepEqual(listed.event.node.nodes?.[0]?.nodes, [replaced.event.node]);
});

test("a refused write rejects with etcd's code, cause and index", async (t) => {
  const { keys } = open(t);
  await keys.set("/a", "1", {}, signal);
  await assert.rejects(keys.set("/a", "2", { prevValue: "9" }, signal), {
    name: "KeysError",
    code: 101,
    keysCause: "[9 != 1]",
    index: 4,
  });
  await assert.rejects(keys.set("/a", "2", { prevExist: false }, signal), { code: 105 });
  await assert.rejects(keys.get("/none", {}, signal), { code: 100, keysCause: "/none" });
});

test("a key expires by the clock, at most half a second late, and watchers hear of it", async (t) => {
  const { keys, clock, server } = open(t);
  await keys.set("/a", "1", { ttlSeconds: 2 }, signal);
  const expired = take(keys.watch("/a", {}, signal), 1);
  await clock.advance(1900);
  assert.equal((await keys.get("/a", {}, signal)).event.node.ttl, 1);
  const before = server.raftIndex;
  await clock.advance(600);
  assert.equal((await expired)[0]?.action, "expire");
  await assert.rejects(keys.get("/a", {}, signal), { code: 100 });
  await clock.advance(10_000);
  assert.equal(server.raftIndex, before + 1, "an idle store writes nothing");
});

test("watch() gives the past and the present without gap or repeat", async (t) => {
  const { keys } = open(t);
  for (const value of ["1", "2", "3"]) await keys.set("/d/a", value, {}, signal);
  const watched = take(keys.watch("/d", { recursive: true, fromIndex: 5 }, signal), 4);
  await keys.set("/d/_hidden/a", "x", {}, signal);
  await keys.set("/d/a", "4", { ttlSeconds: 9 }, signal);
  await keys.set("/d/a", undefined, { ttlSeconds: 9, refresh: true, prevExist: true }, signal);
  await keys.delete("/d", { recursive: true }, signal);
  assert.deepEqual(
    (await watched).map(({ action, node }) => [action, node.key, node.value, node.modifiedIndex]),
    [
      ["set", "/d/a", "2", 5],
      ["set", "/d/a", "3", 6],
      ["set", "/d/a", "4", 8],
      ["delete", "/d", undefined, 10],
    ],
  );
});

test("watch() rejects with 401 when the history no longer reaches back", async (t) => {
  const { keys } = open(t);
  for (let i = 0; i < 1001; i++) await keys.set("/a", String(i), {}, signal);
  await assert.rejects(take(keys.watch("/a", { fromIndex: 4 }, signal), 1), {
    code: 401,
    keysCause: "the requested history has been cleared [5/4]",
    index: 1004,
  });
});

test("watch() rejects with the signal's reason, and with a Fault when the server closes", async (t) => {
  const { keys, server } = open(t);
  const controller = new AbortController();
  const aborted = take(keys.watch("/a", {}, controller.signal), 1);
  const closed = take(keys.watch("/a", {}, signal), 1);
  await keys.set("/b", "1", {}, signal);
  assert.equal(server.stats.watchers, 2);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, /enough/);
  const both = assert.rejects(closed, { code: "STORE_UNAVAILABLE" });
  await server[Symbol.asyncDispose]();
  await both;
  assert.equal(server.stats.watchers, 0);
});

test("after a crash the server holds what was acknowledged, through snapshots too", async (t) => {
  const disk = new MemoryDisk();
  const clock = new FakeClock(WALL_START_MS);
  const first = open(t, disk, clock);
  for (let i = 0; i < 37; i++)
    await first.keys.set(`/k${i % 7}`, String(i), i % 3 ? {} : { ttlSeconds: 100 }, signal);
  await first.keys.delete("/k3", {}, signal);
  const expected = hashOf(first.server);
  first.log.crash();
  assert.ok(disk.snapshot, "a snapshot was taken");
  const second = open(t, disk, clock);
  assert.equal(hashOf(second.server), expected);
  assert.equal(second.server.raftIndex, first.server.raftIndex);
  await second.keys.set("/after", "1", {}, signal);
});

test("a full disk refuses writes, keeps what was, and serves reads", async (t) => {
  const { keys, disk, server } = open(t);
  await keys.set("/a", "1", {}, signal);
  disk.isFull = true;
  await assert.rejects(keys.set("/a", "2", {}, signal), { code: "LOG_IO" });
  assert.equal((await keys.get("/a", {}, signal)).event.node.value, "1");
  disk.isFull = false;
  await assert.rejects(keys.set("/a", "3", {}, signal), { code: "LOG_IO" });
  assert.equal(server.writeFault?.code, "LOG_IO");
  const again = open(t, disk);
  assert.equal((await again.keys.get("/a", {}, signal)).event.node.value, "1");
});

test("createInOrder() names keys by the index, delete() compares", async (t) => {
  const { keys } = open(t);
  const { event } = await keys.createInOrder("/queue", "job", {}, signal);
  assert.equal(event.node.key, "/queue/00000000000000000004");
  await assert.rejects(keys.delete(event.node.key, { prevIndex: 9 }, signal), {
    code: 101,
    keysCause: "[9 != 4]",
  });
  const gone = await keys.delete(event.node.key, { prevIndex: 4 }, signal);
  assert.equal(gone.event.action, "compareAndDelete");
});
