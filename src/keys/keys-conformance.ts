import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, WatchOptions } from "#keys/keys.ts";

export type DisposableKeys = Keys & AsyncDisposable;
type Open = () => Promise<DisposableKeys>;

/** No case waits longer than this for what must come. */
const LIMIT_MS = 20_000;
let directories = 0;

/** Values that a form, a JSON body or a line could spoil. */
const TEXTS = [
  "",
  " a+b&c=d%20;\r\n\t",
  "ü 𝄞 \u0000 \b \f \u2028 <>",
  '\\b\\f\\u0041\\"',
  "x".repeat(200_000),
];

/**
 * Every implementation of the `Keys` port passes these: in process, over HTTP, on Keelson's store and on a genuine
 * etcd. Each case works in a directory of its own, so that all of them may share one store.
 */
export function testKeysConformance(name: string, open: Open): void {
  testReadingAndWriting(name, open);
  testConditions(name, open);
  testDirectories(name, open);
  testWatching(name, open);
  testAborting(name, open);
}

interface Case {
  readonly keys: Keys;
  /** The case's own directory. */
  readonly at: string;
  readonly signal: AbortSignal;
}

function check(name: string, open: Open, what: string, run: (c: Case) => Promise<void>): void {
  test(`${name}: ${what}`, async () => {
    await using keys = await open();
    directories += 1;
    const at = `/conformance-${process.pid}-${directories}`;
    await run({ keys, at, signal: AbortSignal.timeout(LIMIT_MS) });
  });
}

/** Rejects with this KeysError; its index is the store's. */
async function refuses(promise: Promise<unknown>, code: number, cause?: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof KeysError, `not a KeysError: ${String(error)}`);
    assert.equal(error.code, code);
    if (cause !== undefined) assert.equal(error.keysCause, cause);
    return true;
  });
}

function testReadingAndWriting(name: string, open: Open): void {
  check(name, open, "what was set is read, with its indices", async ({ keys, at, signal }) => {
    const key = `${at}/a`;
    const first = await keys.set(key, "1", {}, signal);
    assert.equal(first.event.action, "set");
    const { modifiedIndex } = first.event.node;
    assert.deepEqual(first.event.node, {
      key,
      value: "1",
      modifiedIndex,
      createdIndex: modifiedIndex,
    });
    assert.equal(first.etcdIndex, modifiedIndex);
    const second = await keys.set(key, "", {}, signal);
    assert.deepEqual(second.event.prevNode, first.event.node);
    assert.ok(second.event.node.modifiedIndex > modifiedIndex);
    const { event, etcdIndex } = await keys.get(key, { quorum: true }, signal);
    assert.deepEqual(event, { action: "get", node: second.event.node });
    assert.ok(etcdIndex >= second.etcdIndex);
    await refuses(keys.get(`${at}/b`, {}, signal), 100, `${at}/b`);
  });

  check(name, open, "any text is a value, and any name a key", async ({ keys, at, signal }) => {
    const key = `${at}/a b/ü?&=#%+;@:é*'()"<>`;
    for (const value of TEXTS) {
      await keys.set(key, value, {}, signal);
      const { event } = await keys.get(key, {}, signal);
      assert.equal(event.node.value, value);
      assert.equal(event.node.key, key);
    }
  });

  check(
    name,
    open,
    "keys created in order sort as they were made",
    async ({ keys, at, signal }) => {
      const made: string[] = [];
      for (const value of ["a", "b", "c"]) {
        const { event } = await keys.createInOrder(at, value, {}, signal);
        assert.equal(event.action, "create");
        made.push(event.node.key);
      }
      assert.deepEqual(made.toSorted(), made);
      const { event } = await keys.get(at, { sorted: true }, signal);
      assert.deepEqual(
        event.node.nodes?.map((node) => [node.key, node.value]),
        [
          [made[0], "a"],
          [made[1], "b"],
          [made[2], "c"],
        ],
      );
    },
  );

  check(name, open, "a time to live ends a key; refreshing renews it unseen", async (c) => {
    const { keys, at, signal } = c;
    const key = `${at}/a`;
    const { event } = await keys.set(key, "1", { ttlSeconds: 100 }, signal);
    assert.equal(event.node.ttl, 100);
    assert.match(event.node.expiration ?? "", /^\d{4}-.*Z$/);
    const events = take(c, key, { fromIndex: event.node.modifiedIndex + 1 }, 1);
    const refresh = { refresh: true, prevExist: true, ttlSeconds: 1 };
    const refreshed = await keys.set(key, undefined, refresh, signal);
    assert.equal(refreshed.event.node.value, "1");
    const [expired] = await events;
    assert.equal(expired?.action, "expire");
    assert.equal(expired.node.key, key);
    assert.equal(expired.prevNode?.value, "1");
    await refuses(keys.get(key, {}, signal), 100);
  });
}

function testConditions(name: string, open: Open): void {
  check(name, open, "conditions hold or nothing is written", async ({ keys, at, signal }) => {
    const key = `${at}/a`;
    await refuses(keys.set(key, "1", { prevExist: true }, signal), 100);
    const { event: created } = await keys.set(key, "1", { prevExist: false }, signal);
    assert.equal(created.action, "create");
    await refuses(keys.set(key, "2", { prevExist: false }, signal), 105, key);
    await refuses(keys.set(key, "2", { prevValue: "x" }, signal), 101, "[x != 1]");
    const { modifiedIndex, createdIndex } = created.node;
    await refuses(keys.set(key, "2", { prevIndex: 1 }, signal), 101, `[1 != ${modifiedIndex}]`);
    const swapped = await keys.set(key, "2", { prevIndex: modifiedIndex, prevValue: "1" }, signal);
    assert.equal(swapped.event.action, "compareAndSwap");
    assert.equal(swapped.event.node.createdIndex, createdIndex);
    const updated = await keys.set(key, "3", { prevExist: true }, signal);
    assert.equal(updated.event.action, "update");
    await refuses(keys.delete(key, { prevValue: "1" }, signal), 101);
    const deleted = await keys.delete(key, { prevValue: "3" }, signal);
    assert.equal(deleted.event.action, "compareAndDelete");
    assert.deepEqual(deleted.event.prevNode, updated.event.node);
    await refuses(keys.delete(key, {}, signal), 100, key);
  });
}

function testDirectories(name: string, open: Open): void {
  check(name, open, "directories list what they hold, hidden keys left out", async (c) => {
    const { keys, at, signal } = c;
    const made = await keys.set(`${at}/d`, undefined, { dir: true, prevExist: false }, signal);
    assert.equal(made.event.node.dir, true);
    await keys.set(`${at}/d/x`, "1", {}, signal);
    await keys.set(`${at}/d/_hidden/y`, "2", {}, signal);
    const flat = await keys.get(at, {}, signal);
    assert.deepEqual(
      flat.event.node.nodes?.map((node) => node.key),
      [`${at}/d`],
    );
    const deep = await keys.get(at, { recursive: true, sorted: true }, signal);
    assert.deepEqual(
      deep.event.node.nodes?.[0]?.nodes?.map((node) => node.key),
      [`${at}/d/x`],
    );
    const hidden = await keys.get(`${at}/d/_hidden`, {}, signal);
    assert.equal(hidden.event.node.nodes?.[0]?.value, "2");
    await refuses(keys.set(`${at}/d`, "1", {}, signal), 102, `${at}/d`);
    await refuses(keys.set(`${at}/d/x/z`, "1", {}, signal), 104, `${at}/d/x`);
    await refuses(keys.delete(`${at}/d`, {}, signal), 102, `${at}/d`);
    await refuses(keys.delete(`${at}/d`, { dir: true }, signal), 108, `${at}/d`);
    await keys.delete(`${at}/d`, { recursive: true }, signal);
    await refuses(keys.get(`${at}/d/x`, {}, signal), 100);
  });

  check(name, open, "the root is a directory that cannot be written", async ({ keys, signal }) => {
    const { event } = await keys.get("/", {}, signal);
    assert.equal(event.node.dir, true);
    await refuses(keys.set("/", "1", {}, signal), 107, "/");
  });
}

function testWatching(name: string, open: Open): void {
  check(name, open, "a watch tells of all since its index, in order, once", async (c) => {
    const { keys, at, signal } = c;
    const { etcdIndex } = await keys.set(`${at}/a`, "0", {}, signal);
    const events = take(c, at, { recursive: true, fromIndex: etcdIndex + 1 }, 40);
    for (let i = 1; i <= 20; i += 1) await keys.set(`${at}/d${i}/a`, String(i), {}, signal);
    for (let i = 1; i <= 20; i += 1) await keys.delete(`${at}/d${i}`, { recursive: true }, signal);
    const told = (await events).map(({ action, node }) => `${action} ${node.key.slice(at.length)}`);
    const names = Array.from({ length: 20 }, (_, i) => `/d${i + 1}`);
    assert.deepEqual(told, [
      ...names.map((key) => `set ${key}/a`),
      ...names.map((key) => `delete ${key}`),
    ]);
    const again = await take(c, at, { recursive: true, fromIndex: etcdIndex + 1 }, 40);
    assert.deepEqual(again, await events);
  });

  check(name, open, "a watch without recursion tells of its key alone", async (c) => {
    const { keys, at, signal } = c;
    const { etcdIndex } = await keys.set(`${at}/a`, "0", {}, signal);
    const events = take(c, `${at}/a`, { fromIndex: etcdIndex + 1 }, 2);
    await keys.set(`${at}/b`, "1", {}, signal);
    await keys.set(`${at}/a`, "2", {}, signal);
    await keys.delete(at, { recursive: true }, signal);
    const told = (await events).map(({ action, node }) => [action, node.key]);
    assert.deepEqual(told, [
      ["set", `${at}/a`],
      ["delete", at],
    ]);
  });

  check(name, open, "a watch without an index tells of what comes", async (c) => {
    const { keys, at, signal } = c;
    await keys.set(`${at}/a`, "old", {}, signal);
    const events = take(c, `${at}/a`, {}, 1);
    // Nothing tells when the watch stands, so write until it has told.
    let told = false;
    void events.finally(() => (told = true)).catch(() => {});
    for (let i = 0; !told && !signal.aborted; i += 1) {
      await keys.set(`${at}/a`, `new ${i}`, {}, signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.match((await events)[0]?.node.value ?? "", /^new/);
  });

  check(name, open, "a watch from beyond the history is refused with 401", async (c) => {
    const { keys, at, signal } = c;
    const { etcdIndex } = await keys.set(`${at}/a`, "0", {}, signal);
    for (let i = 0; i < 1_100; i += 100)
      await Promise.all(
        Array.from({ length: 100 }, (_, j) => keys.set(`${at}/b${j}`, "1", {}, signal)),
      );
    await refuses(take(c, at, { recursive: true, fromIndex: etcdIndex }, 1), 401);
  });
}

function testAborting(name: string, open: Open): void {
  check(name, open, "everything ends with its signal's reason", async ({ keys, at, signal }) => {
    const reason = new Error("enough");
    const aborted = AbortSignal.abort(reason);
    await assert.rejects(keys.get(at, {}, aborted), reason);
    await assert.rejects(keys.set(at, "1", {}, aborted), reason);
    await assert.rejects(keys.delete(at, {}, aborted), reason);
    const stop = new AbortController();
    const watch = keys.watch(at, {}, AbortSignal.any([signal, stop.signal]));
    const next = watch[Symbol.asyncIterator]().next();
    setTimeout(() => stop.abort(reason), 50);
    await assert.rejects(next, reason);
  });
}

async function take(
  { keys, signal }: Case,
  key: string,
  options: WatchOptions,
  count: number,
): Promise<KeyEvent[]> {
  const events: KeyEvent[] = [];
  for await (const event of keys.watch(key, options, signal)) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}
