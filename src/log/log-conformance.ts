import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log, LogEntry, LogReader } from "#log/core/log.ts";

/** A place for a log that survives its closing and its crash. */
export interface LogPlace {
  open(): Log | Promise<Log>;
  /** Ends a log that `open` gave, as kill -9 does. */
  crash(log: Log): Promise<void>;
  /** Makes writes fail; false when this log cannot be made to. */
  fail(log: Log): boolean;
}

/** Every Log passes these: the embedded one and the one for simulation. */
export function testLogConformance(name: string, newPlace: () => LogPlace): void {
  for (const [promise, check] of Object.entries(CHECKS))
    test(`${name}: ${promise}`, () => check(newPlace()));
}

/** Follows `log` from here on, which must never replace what it delivered. */
export function collect(log: Log): LogEntry[] {
  const seen: LogEntry[] = [];
  log.start(readerOf((entries) => seen.push(...entries)));
  return seen;
}

export function readerOf(deliver: LogReader["deliver"]): LogReader {
  return { deliver, replace: () => assert.fail("a log of one server replaced what it delivered") };
}

const CHECKS: Readonly<Record<string, (place: LogPlace) => Promise<void>>> = {
  "append() resolves with the next index when the entry was delivered": async (place) => {
    await using log = await place.open();
    const seen = collect(log);
    assert.equal(log.snapshot, undefined);
    assert.ok(log.term >= 2);
    assert.equal(await log.append("a"), 1);
    assert.deepEqual(seen, [{ index: 1, data: "a" }]);
    assert.deepEqual(
      await Promise.all(["b", "ü\u0000\u{1f600}"].map((d) => log.append(d))),
      [2, 3],
    );
    assert.deepEqual(
      seen.map((entry) => entry.data),
      ["a", "b", "ü\u0000\u{1f600}"],
    );
  },

  "opening again delivers every entry in order, once, and the term never falls": async (place) => {
    const data = Array.from({ length: 50 }, (_, at) => `entry ${at}`);
    let term = 0;
    {
      await using log = await place.open();
      term = log.term;
      collect(log);
      await Promise.all(data.map((text) => log.append(text)));
    }
    await using log = await place.open();
    assert.ok(log.term >= term);
    assert.deepEqual(
      collect(log),
      data.map((text, at) => ({ index: at + 1, data: text })),
    );
    assert.equal(await log.append("more"), 51);
  },

  "after a crash what was acknowledged is there": async (place) => {
    const first = await place.open();
    collect(first);
    await Promise.all(["a", "b"].map((text) => first.append(text)));
    const unknown = first.append("c").catch(() => {});
    await place.crash(first);
    await unknown;
    await using log = await place.open();
    const seen = collect(log).map((entry) => entry.data);
    assert.deepEqual(seen.slice(0, 2), ["a", "b"]);
    assert.ok(seen.length === 2 || (seen.length === 3 && seen[2] === "c"));
  },

  "a snapshot replaces the entries up to its index": async (place) => {
    {
      await using log = await place.open();
      collect(log);
      for (let at = 1; at <= 9; at++) await log.append(`entry ${at}`);
      const saving = log.saveSnapshot(5, ["one", "two", ""]);
      await log.append("entry 10");
      await saving;
      await log.saveSnapshot(7, ["three"]);
    }
    await using log = await place.open();
    assert.deepEqual(log.snapshot, { index: 7, chunks: ["three"] });
    assert.deepEqual(
      collect(log).map((entry) => entry.index),
      [8, 9, 10],
    );
    assert.equal(await log.append("entry 11"), 11);
  },

  "everything may be cut off": async (place) => {
    {
      await using log = await place.open();
      collect(log);
      await log.append("a");
      await log.saveSnapshot(1, ["all"]);
    }
    await using log = await place.open();
    assert.deepEqual(collect(log), []);
    assert.equal(await log.append("b"), 2);
  },

  "a snapshot that a crash cuts short leaves the older one": async (place) => {
    const first = await place.open();
    collect(first);
    for (let at = 1; at <= 4; at++) await first.append(`entry ${at}`);
    await first.saveSnapshot(2, ["older"]);
    const saving = first.saveSnapshot(
      4,
      Array.from({ length: 100 }, () => "newer"),
    );
    const failed = assert.rejects(saving);
    await first.append("entry 5");
    await place.crash(first);
    await failed;
    await using log = await place.open();
    assert.deepEqual(log.snapshot, { index: 2, chunks: ["older"] });
    assert.deepEqual(
      collect(log).map((entry) => entry.index),
      [3, 4, 5],
    );
    await log.saveSnapshot(5, ["newest"]);
  },

  "a write that fails is refused with LOG_IO, as is every later one, and never appears": async (
    place,
  ) => {
    const first = await place.open();
    const seen = collect(first);
    await first.append("a");
    if (!place.fail(first)) return first[Symbol.asyncDispose]();
    const both = await Promise.allSettled([first.append("b"), first.append("c")]);
    assert.deepEqual(
      both.map(
        (result) => result.status === "rejected" && (result.reason as { code: string }).code,
      ),
      ["LOG_IO", "LOG_IO"],
    );
    await assert.rejects(first.append("d"), { code: "LOG_IO" });
    assert.equal(seen.length, 1);
    await first[Symbol.asyncDispose]();
    await using log = await place.open();
    assert.deepEqual(collect(log), [{ index: 1, data: "a" }]);
    assert.equal(await log.append("e"), 2);
  },
};
