import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type Command, decodeEntry, encodeEntry } from "./command.ts";
import type { KeyEvent } from "./event.ts";
import { HISTORY_MAX } from "./history.ts";
import { isDone } from "./outcome.ts";
import { hashState, restoreSnapshot, takeSnapshot } from "./snapshot.ts";
import { Store } from "./store.ts";

const START_MS = Date.UTC(2026, 0, 1);

const anyKey = fc
  .array(fc.constantFrom("a", "b", "_h", "ab"), { minLength: 0, maxLength: 3 })
  .map((parts) => parts.map((part) => `/${part}`).join(""));
const anyFlag = fc.boolean();
const anyValue = fc.constantFrom("", "1", "2");
const anyLife = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.nat({ max: 60_000 }).map((ms) => ({ expiresMs: START_MS + ms })),
);
const refreshing = fc.constantFrom({}, {}, {}, { refresh: true as const });
const comparing = { prevValue: anyValue, prevIndex: fc.nat({ max: 40 }) };

/** Any command but its time, which goes forward with its place. */
const anyCommand = fc.oneof(
  fc.record({ op: fc.constant("get" as const), key: anyKey, recursive: anyFlag, sorted: anyFlag }),
  mixed(
    fc.record({ op: fc.constant("set" as const), key: anyKey, value: anyValue, dir: anyFlag }),
    refreshing,
  ),
  mixed(
    fc.record({
      op: fc.constant("create" as const),
      key: anyKey,
      value: anyValue,
      dir: anyFlag,
      inOrder: anyFlag,
    }),
    fc.constant({}),
  ),
  mixed(
    fc.record({ op: fc.constant("update" as const), key: anyKey, value: anyValue }),
    refreshing,
  ),
  mixed(
    fc.record({
      op: fc.constant("compareAndSwap" as const),
      key: anyKey,
      value: anyValue,
      ...comparing,
    }),
    refreshing,
  ),
  fc.record({ op: fc.constant("delete" as const), key: anyKey, dir: anyFlag, recursive: anyFlag }),
  fc.record({ op: fc.constant("compareAndDelete" as const), key: anyKey, ...comparing }),
  fc.record({ op: fc.constant("sync" as const) }),
  ...anyAuth(),
);

/** Commands on the records of authentication, in the order that a server's first change makes them too. */
function anyAuth() {
  const op = fc.constant("auth" as const);
  const key = fc.constantFrom(
    "/2",
    "/2/users",
    "/2/roles",
    "/2/enabled",
    "/2/users/a",
    "/2/users/_b",
    "/2/roles/a",
  );
  const value = fc.constantFrom("true", "false", '{"user":"a","roles":null}');
  return [
    fc.record({ op, key, act: fc.constantFrom("get" as const, "delete" as const) }),
    fc.record({ op, key, act: fc.constant("create" as const) }),
    fc.record({ op, key, act: fc.constant("create" as const), value }),
    fc.record({ op, key, act: fc.constant("update" as const), value }),
    fc.record({
      op,
      key,
      act: fc.constant("update" as const),
      value,
      ifIndex: fc.nat({ max: 40 }),
    }),
  ];
}

function mixed<A extends object, B extends object>(a: fc.Arbitrary<A>, b: fc.Arbitrary<B>) {
  return fc.tuple(a, b, anyLife).map(([one, two, life]) => ({ ...one, ...two, ...life }));
}

const anyCommands = fc
  .array(anyCommand, { minLength: 1, maxLength: 80 })
  .map((commands) =>
    commands.map((command, at) => ({ ...command, timeMs: START_MS + at * 1000 }) as Command),
  );

function hashOf(store: Store): string {
  return hashState(store, (texts) => {
    const hash = createHash("sha256");
    for (const text of texts) hash.update(text).update("\n");
    return hash.digest("hex");
  });
}

function apply(store: Store, commands: readonly Command[]): void {
  for (const command of commands) store.apply(command);
}

test("the same entries make the same state, decoded from the log too", () => {
  fc.assert(
    fc.property(anyCommands, (commands) => {
      const [a, b] = [new Store(), new Store()];
      apply(a, commands);
      apply(
        b,
        commands.map((command, at) => decodeEntry(encodeEntry(`id.${at}`, command)).command),
      );
      assert.equal(hashOf(b), hashOf(a));
    }),
  );
});

test("a snapshot is the state when it was begun, whatever changes while it is read", () => {
  fc.assert(
    fc.property(anyCommands, anyCommands, fc.nat({ max: 5 }), (before, meanwhile, every) => {
      const store = new Store();
      apply(store, before);
      const expected = hashOf(store);
      const records = store.parts.tree.snapshot();
      const read: (typeof records extends Iterable<infer R> ? R : never)[] = [];
      const header = [...takeHeader(store)];
      for (const [at, command] of meanwhile.entries()) {
        if (at % (every + 1) === 0) {
          const next = records.next();
          if (!next.done) read.push(next.value);
        }
        store.apply(command);
      }
      read.push(...records);
      const restored = restoreSnapshot([...header, JSON.stringify(read)]);
      assert.equal(hashOf(restored), expected);
    }),
    { numRuns: 500 },
  );
});

/** The chunks of a snapshot before those of the tree, without beginning one. */
function takeHeader(store: Store): string[] {
  const copy = new Store({ ...store.parts, tree: new Store().parts.tree });
  return [...takeSnapshot(copy)];
}

test("a restored store goes on as the one it was taken from", () => {
  fc.assert(
    fc.property(anyCommands, anyCommands, (before, after) => {
      const store = new Store();
      apply(store, before);
      const restored = restoreSnapshot([...takeSnapshot(store)]);
      for (const command of after) assert.deepEqual(restored.apply(command), store.apply(command));
      assert.equal(hashOf(restored), hashOf(store));
      assert.equal(restored.nextExpiryMs, store.nextExpiryMs);
      assert.equal(restored.auth.isEnabled, store.auth.isEnabled);
    }),
  );
});

test("after a sync nothing that is due is left, and nothing else went", () => {
  fc.assert(
    fc.property(anyCommands, fc.nat({ max: 90_000 }), (commands, ms) => {
      const store = new Store();
      apply(store, commands);
      const nodes = [...store.parts.tree.snapshot()];
      const timeMs = START_MS + ms;
      store.apply({ op: "sync", timeMs });
      assert.ok((store.nextExpiryMs ?? Number.POSITIVE_INFINITY) > timeMs);
      const due = nodes.filter(([, , , expiresMs]) => expiresMs !== 0 && expiresMs <= timeMs);
      const gone = (key: string) =>
        due.some(([dueKey]) => key === dueKey || key.startsWith(`${dueKey}/`));
      for (const [key] of nodes)
        assert.equal(store.parts.tree.find(key) === undefined, gone(key), key);
    }),
  );
});

test("every change has the next index and one event; refusals change nothing", () => {
  fc.assert(
    fc.property(anyCommands, (commands) => {
      const store = new Store();
      const heard: KeyEvent[] = [];
      store.watchAll({ key: "", recursive: true }, undefined, (event) => heard.push(event));
      for (const command of commands) {
        const before = store.index;
        const outcome = store.apply(command);
        if (outcome === undefined) continue; // a sync may expire several
        const isChange = isDone(outcome) && outcome.event.action !== "get";
        assert.equal(store.index, before + (isChange ? 1 : 0));
        if (isChange) assert.equal(outcome.event.node.modifiedIndex, store.index);
      }
      const indices = heard.map((event) => event.node.modifiedIndex);
      assert.deepEqual(
        indices,
        [...new Set(indices)].sort((a, b) => a - b),
      );
    }),
  );
});

test("a stream from the past tells what one from the start was told, since then", () => {
  fc.assert(
    fc.property(anyCommands, anyKey, fc.nat({ max: 40 }), (commands, key, back) => {
      const store = new Store();
      const interest = { key, recursive: true };
      const live: KeyEvent[] = [];
      store.watchAll(interest, undefined, (event) => live.push(event));
      apply(store, commands);
      const from = Math.max(4, store.index - back);
      const replayed: KeyEvent[] = [];
      store.watchAll(interest, from, (event) => replayed.push(event));
      const expected = live.filter((event) => event.node.modifiedIndex >= from);
      // A directory above that went away concerns a key even when it was not there: only the past may say that.
      const above = replayed.filter((event) => !key.startsWith(`${event.node.key}/`));
      assert.deepEqual(
        above,
        expected.filter((event) => !key.startsWith(`${event.node.key}/`)),
      );
    }),
  );
});

test(`history keeps ${HISTORY_MAX} events, refreshes among them, and says 401 before`, () => {
  const store = new Store();
  const life = { expiresMs: START_MS + 1e9, timeMs: START_MS };
  store.apply({ op: "set", key: "/a", value: "1", dir: false, ...life });
  for (let at = 1; at < HISTORY_MAX; at++)
    store.apply({ op: "update", key: "/a", value: "", refresh: true, ...life });
  const seen: KeyEvent[] = [];
  const interest = { key: "/a", recursive: false };
  store.watchOnce(interest, 4, (event) => seen.push(event));
  assert.equal(seen.length, 1);
  store.apply({ op: "update", key: "/a", value: "", refresh: true, ...life });
  const refused = store.watchOnce(interest, 4, (event) => seen.push(event));
  assert.deepEqual(refused, {
    code: 401,
    cause: "the requested history has been cleared [5/4]",
    index: 1004,
  });
  assert.equal(seen.length, 1);
  assert.equal(store.watcherCount, 0);
});

test("1000 watchers of other keys hear nothing, and 1000 of this one each hear once", () => {
  const store = new Store();
  let heard = 0;
  for (let at = 0; at < 1000; at++) {
    store.watchOnce({ key: `/other/${at}`, recursive: true }, undefined, () => assert.fail());
    store.watchOnce({ key: "/d", recursive: true }, undefined, () => (heard += 1));
  }
  store.apply({ op: "set", key: "/d/a", value: "1", dir: false, timeMs: START_MS });
  store.apply({ op: "set", key: "/d/a", value: "2", dir: false, timeMs: START_MS });
  assert.equal(heard, 1000);
  assert.equal(store.watcherCount, 1000);
});

test("a snapshot of version 1, which knows no authentication, or 2 is read", () => {
  const store = new Store();
  store.apply({ op: "set", key: "/a", value: "1", dir: false, timeMs: START_MS });
  const [header = "", events = "", ...records] = takeSnapshot(store);
  const { historyLength: _, ...two } = { ...JSON.parse(header), history: JSON.parse(events) };
  const { auth: _auth, ...one } = two;
  for (const old of [
    { ...one, version: 1 },
    { ...two, version: 2 },
  ])
    assert.equal(hashOf(restoreSnapshot([JSON.stringify(old), ...records])), hashOf(store));
  assert.throws(() => restoreSnapshot([JSON.stringify({ ...two, version: 4 })]), RangeError);
});
