import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { NO_METADATA } from "../core/source-metadata.ts";
import { SELECT_TIMEOUT_MS, selectSource } from "./select-source.ts";
import { AVAILABLE, type UserDataSource } from "./source.ts";

interface FakeSource extends UserDataSource {
  /** When it was looked at. */
  readonly looksMs: readonly number[];
}

/** @param fromMs when it becomes available; never when undefined. */
function source(
  type: string,
  clock: FakeClock,
  { fromMs, mayAppear = true }: { fromMs?: number; mayAppear?: boolean } = {},
): FakeSource {
  const looksMs: number[] = [];
  return {
    type,
    place: `/${type}`,
    mayAppear,
    looksMs,
    availability() {
      looksMs.push(clock.monotonicMs());
      const isThere = fromMs !== undefined && clock.monotonicMs() >= fromMs;
      return Promise.resolve(isThere ? AVAILABLE : { available: false, reason: "not there" });
    },
    fetchUserData: () => Promise.resolve(new Uint8Array()),
    fetchMetadata: () => Promise.resolve(NO_METADATA),
  };
}

async function select(
  clock: FakeClock,
  sources: readonly UserDataSource[],
  timeoutMs = SELECT_TIMEOUT_MS,
) {
  const lines: string[] = [];
  const report = (line: string) => lines.push(line);
  const { signal } = new AbortController();
  let isOver = false;
  const chosen = selectSource(sources, { clock, timeoutMs, report }, signal).then(
    ({ type }) => type,
    (error: Error) => error.message,
  );
  void chosen.then(() => (isOver = true));
  for (let ms = 0; ms <= 2 * SELECT_TIMEOUT_MS && !isOver; ms += 1000) await clock.advance(1000);
  return { chosen: await chosen, lines };
}

test("selectSource() takes the first that is available", async () => {
  const clock = new FakeClock();
  const late = source("late", clock, { fromMs: 1000 });
  const soon = source("soon", clock, { fromMs: 250 });
  assert.equal((await select(clock, [late, soon])).chosen, "soon");
  assert.deepEqual(soon.looksMs, [0, 100, 300]);
});

test("selectSource() takes the one that is named first when all are there", async () => {
  const clock = new FakeClock();
  const sources = ["a", "b", "c"].map((type) => source(type, clock, { fromMs: 0 }));
  assert.equal((await select(clock, sources)).chosen, "a");
});

test("selectSource() looks again after longer and longer pauses, for five minutes", async () => {
  const clock = new FakeClock();
  const never = source("never", clock);
  const { chosen, lines } = await select(clock, [never]);
  assert.match(chosen, /^Cannot get user-data: .* in time: never at \/never: not there$/);
  const pauses = never.looksMs.slice(1).map((atMs, i) => atMs - (never.looksMs[i] ?? 0));
  const doubled = [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600];
  assert.deepEqual(pauses, [...doubled, ...Array<number>(8).fill(30_000)]);
  assert.deepEqual(lines, [
    'Checking availability of "never" at /never',
    '"never" at /never is not available: not there; looking again for 300 s at most',
  ]);
});

test("selectSource() does not wait for those that never appear", async () => {
  const clock = new FakeClock();
  const gone = source("gone", clock, { mayAppear: false });
  const { chosen } = await select(clock, [gone, source("other", clock, { mayAppear: false })]);
  assert.match(chosen, /gone at \/gone: not there; other at/);
  assert.deepEqual(gone.looksMs, [0]);
  const appearing = source("appearing", clock, { fromMs: 50_000 });
  assert.equal((await select(clock, [gone, appearing])).chosen, "appearing");
});

test("selectSource() without a time to wait looks once", async () => {
  const clock = new FakeClock();
  const late = source("late", clock, { fromMs: 1 });
  assert.match((await select(clock, [late], 0)).chosen, /no datasource is available: late at/);
  assert.deepEqual(late.looksMs, [0]);
});

test("selectSource() ends when it is told to", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const options = { clock, timeoutMs: SELECT_TIMEOUT_MS, report: () => {} };
  const chosen = selectSource([source("never", clock)], options, stop.signal);
  const reason = new Error("enough");
  await Promise.all([
    assert.rejects(chosen, reason),
    clock.advance(1).then(() => stop.abort(reason)),
  ]);
});

test("selectSource() passes on what a source never ought to throw", async () => {
  const clock = new FakeClock();
  const broken = {
    ...source("broken", clock),
    availability: () => Promise.reject(new Error("bug")),
  };
  assert.equal((await select(clock, [broken])).chosen, "bug");
});
