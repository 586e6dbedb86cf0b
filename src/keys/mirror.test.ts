import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FakeClock } from "#base/fake-clock.ts";
import { Fault } from "#base/fault.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { Action, KeyEvent, KeyNode } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import { Mirror, type MirrorChange, type MirrorEntry } from "./mirror.ts";

const HISTORY_MAX = 6;

/** As much of a store as a mirror reads, with faults on demand. */
class ModelStore {
  index = 10;
  lists = 0;
  watches = 0;
  /** Probability that a request or a watch step fails, or is late. */
  faulty = 0;
  #down = false;
  readonly values = new Map<string, MirrorEntry>();
  #history: KeyEvent[] = [];
  #wakes = new Set<() => void>();
  readonly #clock: FakeClock;
  readonly #random: Random;

  constructor(clock: FakeClock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  set(key: string, value: string): void {
    const modifiedIndex = ++this.index;
    const entry = { key, value, modifiedIndex, createdIndex: modifiedIndex };
    this.values.set(key, entry);
    this.#record("set", entry);
  }

  refresh(key: string): void {
    const entry = this.values.get(key);
    if (entry) this.values.set(key, { ...entry, modifiedIndex: ++this.index });
  }

  remove(key: string, action: "delete" | "expire"): void {
    const gone = [...this.values.keys()].filter((k) => k === key || k.startsWith(`${key}/`));
    if (gone.length === 0) return;
    for (const name of gone) this.values.delete(name);
    const modifiedIndex = ++this.index;
    const createdIndex = modifiedIndex;
    this.#record(
      action,
      gone.includes(key)
        ? { key, modifiedIndex, createdIndex }
        : { key, dir: true, modifiedIndex, createdIndex },
    );
  }

  /** What happens elsewhere in the tree: the index moves, the history forgets. */
  elsewhere(): void {
    const modifiedIndex = ++this.index;
    this.#record("set", { key: "/other", value: "", modifiedIndex, createdIndex: modifiedIndex });
  }

  #record(action: Action, node: KeyNode): void {
    this.#history.push({ action, node });
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    for (const wake of this.#wakes) wake();
  }

  /** As from a backup older than anything that happened. */
  restore(index: number): void {
    this.index = index;
    this.values.clear();
    this.#history = [];
  }

  set down(down: boolean) {
    this.#down = down;
    for (const wake of this.#wakes) wake();
  }

  async #perhapsFail(signal: AbortSignal): Promise<void> {
    if (this.#down) throw new Fault("STORE_UNAVAILABLE", "Cannot ask: the server is down");
    if (this.#random() >= this.faulty) return;
    await this.#clock.sleep(1000 * this.#random(), signal);
    if (this.#random() < 0.5) throw new Fault("STORE_UNAVAILABLE", "Cannot ask: the test says so");
  }

  readonly keys: Keys = {
    get: async (key, options, signal): Promise<Reply> => {
      await this.#perhapsFail(signal);
      if (options.recursive) this.lists += 1;
      const nodes = [...this.values.values()].filter((entry) => entry.key.startsWith(`${key}/`));
      if (nodes.length === 0) throw new KeysError(100, key, this.index);
      const node = { key, dir: true as const, nodes, modifiedIndex: 1, createdIndex: 1 };
      const reply = { event: { action: "get" as const, node }, etcdIndex: this.index };
      await this.#perhapsFail(signal);
      return reply;
    },
    watch: (key, options, signal) => this.#watch(key, options.fromIndex ?? this.index + 1, signal),
    set: () => assert.fail("a mirror never writes"),
    createInOrder: () => assert.fail("a mirror never writes"),
    delete: () => assert.fail("a mirror never writes"),
  };

  async *#watch(key: string, fromIndex: number, signal: AbortSignal): AsyncGenerator<KeyEvent> {
    this.watches += 1;
    for (let next = fromIndex; ; ) {
      await this.#perhapsFail(signal);
      signal.throwIfAborted();
      const oldest = this.#history[0]?.node.modifiedIndex ?? 0;
      if (this.#history.length === HISTORY_MAX && next < oldest)
        throw new KeysError(401, `[${oldest}/${next}]`, this.index);
      const event = this.#history.find((e) => e.node.modifiedIndex >= next);
      if (event === undefined) {
        await this.#change(signal);
        continue;
      }
      next = event.node.modifiedIndex + 1;
      const at = event.node.key;
      if (at === key || at.startsWith(`${key}/`) || key.startsWith(`${at}/`)) yield event;
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(signal.reason);
    this.#wakes.add(resolve);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      this.#wakes.delete(resolve);
      signal.removeEventListener("abort", abort);
    }
  }
}

function setup(options: { quietMs?: number; seed?: number } = {}) {
  const clock = new FakeClock();
  const random = seededRandom(options.seed ?? 1);
  const store = new ModelStore(clock, random);
  const mirror = new Mirror(store.keys, "/_part/", { clock, random, ...options });
  const seen: MirrorChange[] = [];
  const reading = (async () => {
    for await (const batch of mirror.changes(new AbortController().signal)) seen.push(...batch);
  })();
  const close = async () => {
    await mirror[Symbol.asyncDispose]();
    await reading;
  };
  return { clock, store, mirror, seen, [Symbol.asyncDispose]: close };
}

const briefly = (changes: readonly MirrorChange[]) =>
  changes.map(
    ({ key, before, after, event }) =>
      `${key}: ${before?.value ?? "-"} > ${after?.value ?? "-"} by ${event?.action ?? "list"}`,
  );

test("a mirror lists what is there, then follows events", async () => {
  await using t = setup();
  t.store.set("/_part/a", "1");
  await t.clock.advance(1);
  t.store.set("/_part/b/c", "2");
  t.store.set("/_part/a", "3");
  t.store.set("/_part/b/d", "4");
  t.store.remove("/_part/b", "expire");
  t.store.remove("/_part/a", "delete");
  await t.clock.advance(1);
  assert.deepEqual(briefly(t.seen), [
    "/_part/a: - > 1 by list",
    "/_part/b/c: - > 2 by set",
    "/_part/a: 1 > 3 by set",
    "/_part/b/d: - > 4 by set",
    "/_part/b/c: 2 > - by expire",
    "/_part/b/d: 4 > - by expire",
    "/_part/a: 3 > - by delete",
  ]);
  assert.equal(t.mirror.size, 0);
  assert.equal(t.mirror.index, t.store.index);
  assert.equal(t.mirror.state.state, "following");
});

test("a mirror follows a part that does not exist yet, and one that goes from above", async () => {
  await using t = setup();
  await t.clock.advance(1);
  assert.equal(t.mirror.state.state, "following");
  t.store.set("/_part/x/y", "1");
  await t.clock.advance(1);
  assert.equal(t.mirror.get("/_part/x/y")?.value, "1");
  t.store.remove("/_part", "delete");
  await t.clock.advance(1);
  assert.deepEqual(briefly(t.seen), ["/_part/x/y: - > 1 by set", "/_part/x/y: 1 > - by delete"]);
});

test("a mirror on an idle part of a busy store keeps its watch young, so removals keep their event", async () => {
  await using t = setup({ quietMs: 1000 });
  t.store.set("/_part/a", "1");
  await t.clock.advance(1);
  for (let i = 0; i < 600; i += 1) t.store.elsewhere();
  await t.clock.advance(3000);
  assert.equal(t.store.watches, 2);
  assert.equal(t.mirror.index, t.store.index);
  t.store.remove("/_part/a", "delete");
  await t.clock.advance(1);
  assert.deepEqual(briefly(t.seen), ["/_part/a: - > 1 by list", "/_part/a: 1 > - by delete"]);
});

test("a renewed time to live, which no watch tells, comes with the next list as the same value", async () => {
  await using t = setup({ quietMs: 1000 });
  t.store.set("/_part/a", "1");
  await t.clock.advance(1);
  t.store.refresh("/_part/a");
  for (let i = 0; i < 600; i += 1) t.store.elsewhere();
  await t.clock.advance(3000);
  assert.deepEqual(briefly(t.seen), ["/_part/a: - > 1 by list", "/_part/a: 1 > 1 by list"]);
  assert.deepEqual(t.mirror.entries(), [...t.store.values.values()]);
});

test("a mirror is lost from the failure on, says why, and follows again", async () => {
  await using t = setup({ quietMs: 1000 });
  const never = new AbortController().signal;
  t.store.set("/_part/a", "1");
  await t.mirror.whenFollowing(never);
  await t.clock.advance(10_000);
  t.store.down = true;
  t.store.remove("/_part/a", "delete");
  const lost = t.mirror.whenLost(never);
  await t.clock.advance(20_000);
  await lost;
  const { state } = t.mirror;
  assert.ok(state.state === "lost" && state.sinceMs >= 10_000);
  assert.match(state.reason, /the server is down/);
  assert.equal(t.mirror.get("/_part/a")?.value, "1", "the view stays");
  t.store.down = false;
  await t.clock.advance(20_000);
  assert.equal(t.mirror.state.state, "following");
  assert.equal(t.mirror.size, 0);
});

for (const broken of [true, false])
  test(`a store that went back is followed, and said, its watch ${broken ? "broken" : "resumed"}`, async () => {
    await using t = setup({ quietMs: 1000 });
    t.store.set("/_part/a", "1");
    await t.clock.advance(1);
    const seenIndex = t.mirror.index;
    t.store.restore(3);
    if (broken) {
      t.store.down = true;
      await t.clock.advance(10_000);
      t.store.down = false;
    }
    await t.clock.advance(10_000);
    const rollback = t.mirror.rolledBack;
    assert.ok(rollback);
    assert.deepEqual([rollback.seenIndex, rollback.listedIndex], [seenIndex, 3]);
    assert.equal(t.mirror.index, 3);
    assert.deepEqual(briefly(t.seen).slice(1), ["/_part/a: 1 > - by list"]);
  });

test("a reader's waits end with its signal and with the mirror", async () => {
  const t = setup();
  const reading = new AbortController();
  const next = t.mirror.changes(reading.signal)[Symbol.asyncIterator]().next();
  reading.abort(new Error("enough"));
  await assert.rejects(next, /enough/);
  const following = t.mirror.whenFollowing(AbortSignal.abort(new Error("too late")));
  await assert.rejects(following, /too late/);
  await t[Symbol.asyncDispose]();
  await t.mirror[Symbol.asyncDispose]();
});

const KEYS = ["/_part/a", "/_part/b", "/_part/d/x", "/_part/d/y", "/_part/d/e/z"];
const step = fc.oneof(
  fc.record({ do: fc.constant("set" as const), at: fc.nat(4), value: fc.nat(2) }),
  fc.record({ do: fc.constantFrom("delete" as const, "expire" as const), at: fc.nat(6) }),
  fc.record({ do: fc.constant("refresh" as const), at: fc.nat(4) }),
  fc.record({ do: fc.constant("elsewhere" as const), times: fc.constantFrom(1, 10, 600) }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(0, 1, 100, 3_000) }),
  fc.record({ do: fc.constant("down" as const), down: fc.boolean() }),
  fc.record({ do: fc.constant("faults" as const), faulty: fc.constantFrom(0, 0.2, 1) }),
);

test("whatever happens, a mirror converges and its changes replay to its view, each once", async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 60 }),
    fc.nat(),
    async (steps, seed) => {
      await using t = setup({ quietMs: 1000, seed });
      for (const s of steps) {
        if (s.do === "set") t.store.set(KEYS[s.at]!, String(s.value));
        else if (s.do === "refresh") t.store.refresh(KEYS[s.at]!);
        else if (s.do === "elsewhere") for (let i = 0; i < s.times; i += 1) t.store.elsewhere();
        else if (s.do === "wait") await t.clock.advance(s.ms);
        else if (s.do === "down") t.store.down = s.down;
        else if (s.do === "faults") t.store.faulty = s.faulty;
        else t.store.remove([...KEYS, "/_part/d", "/_part"][s.at]!, s.do);
      }
      t.store.down = false;
      t.store.faulty = 0;
      for (let i = 0; i < 600; i += 1) t.store.elsewhere();
      await t.clock.advance(30_000);

      const byKey = (a: MirrorEntry, b: MirrorEntry) => (a.key < b.key ? -1 : 1);
      assert.equal(t.mirror.state.state, "following");
      assert.deepEqual(t.mirror.entries().sort(byKey), [...t.store.values.values()].sort(byKey));

      const replayed = new Map<string, MirrorEntry>();
      const told = new Set<string>();
      let newest = 0;
      for (const { key, before, after, event } of t.seen) {
        assert.deepEqual(replayed.get(key), before);
        assert.notDeepEqual(before, after);
        if (after) replayed.set(key, after);
        else replayed.delete(key);
        if (!event) continue;
        assert.ok(event.node.modifiedIndex >= newest, "in order");
        newest = event.node.modifiedIndex;
        assert.ok(!told.has(`${key} ${newest}`), "once");
        told.add(`${key} ${newest}`);
      }
      assert.deepEqual([...replayed.values()].sort(byKey), t.mirror.entries().sort(byKey));
      if (t.store.lists === 1)
        assert.ok(
          t.seen.every((change) => change.event !== undefined || change.before === undefined),
        );
    },
  );
  await fc.assert(property, { numRuns: 300 });
});
