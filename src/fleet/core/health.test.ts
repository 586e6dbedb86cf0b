import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HEALTH_DEFAULTS, type HealthPolicy } from "#unitfile/core/health-policy.ts";
import { type Health, healthNoteOf, resumeHealth, stepHealth, UNSEEN } from "./health.ts";
import { readHealthNote, writeHealthNote } from "./health-note.ts";

const CHECK = { kind: "tcp", text: "tcp:80" } as const;

function policyOf(change: Partial<HealthPolicy> = {}): HealthPolicy {
  return { checks: [CHECK], ...HEALTH_DEFAULTS, ...change };
}

/** `started`, `stopped`, `ok` or `bad` at a second. */
type Row = readonly [atSeconds: number, what: "started" | "stopped" | "ok" | "bad"];

/** What comes of the events: the last state, and the seconds at which the unit is restarted. */
function play(policy: HealthPolicy, rows: readonly Row[], from: Health = UNSEEN) {
  let health = from;
  const restarts: number[] = [];
  for (const [atSeconds, what] of rows) {
    const nowMs = atSeconds * 1000;
    const event =
      what === "started" || what === "stopped"
        ? { kind: what, nowMs }
        : {
            kind: "checked" as const,
            failure: what === "ok" ? undefined : `bad at ${atSeconds}`,
            nowMs,
            now: `T${atSeconds}`,
          };
    const step = stepHealth(health, event, policy);
    health = step.next;
    if (step.restart !== undefined) restarts.push(atSeconds);
  }
  return { health, restarts, note: healthNoteOf(health, "h", policy) };
}

test("stepHealth() counts failures in a row, after the start or the first success", () => {
  const none = { onUnhealthy: "none" } as const;
  const cases: readonly (readonly [string, Partial<HealthPolicy>, Row[], Health["state"], number])[] =
    [
      ["nothing is known at first", none, [[0, "started"]], "starting", 0],
      ["one success makes healthy", none, [[0, "started"], [1, "ok"]], "healthy", 0],
      ["failures at the start do not count", none, [[0, "started"], [1, "bad"], [29, "bad"], [29.9, "bad"]], "starting", 0],
      ["failures after it count", none, [[0, "started"], [30, "bad"], [31, "bad"], [32, "bad"]], "unhealthy", 3],
      ["two in a row are not three", none, [[0, "started"], [1, "ok"], [2, "bad"], [3, "bad"]], "healthy", 2],
      ["a success between begins anew", none, [[0, "started"], [1, "ok"], [2, "bad"], [3, "bad"], [4, "ok"], [5, "bad"]], "healthy", 1],
      ["once healthy, the start is over", none, [[0, "started"], [1, "ok"], [2, "bad"], [3, "bad"], [4, "bad"]], "unhealthy", 3],
      ["one success makes healthy again", none, [[0, "started"], [1, "ok"], [2, "bad"], [3, "bad"], [4, "bad"], [5, "ok"]], "healthy", 0],
      ["a threshold of one", { ...none, threshold: 1, startMs: 0 }, [[0, "started"], [0, "bad"]], "unhealthy", 1],
      ["a late answer about a stopped unit", none, [[0, "started"], [1, "ok"], [2, "stopped"], [2, "bad"]], "inactive", 0],
    ]; // biome-ignore format: a table
  for (const [name, change, rows, state, failures] of cases) {
    const { health, restarts } = play(policyOf(change), rows);
    assert.equal(health.state, state, name);
    assert.equal(health.failures, failures, name);
    assert.deepEqual(restarts, [], name);
  }
});

test("stepHealth() restarts with growing pauses, and asks for another machine after three", () => {
  const policy = policyOf({ threshold: 1, startMs: 0 });
  const badFrom = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i): Row => [from + i, "bad"]);
  const { restarts, note } = play(policy, [[0, "started"], [1, "ok"], ...badFrom(2, 170)]);
  // 10 s, 20 s; then the engine has a minute to move it; then on.
  assert.deepEqual(restarts, [2, 12, 32, 93]);
  assert.deepEqual(note, {
    healthy: false,
    since: "T94",
    failures: 1,
    reason: "bad at 94",
    hash: "h",
    restarts: 4,
    move: true,
  });
  const third = play(policy, [[0, "started"], [1, "ok"], ...badFrom(2, 33)]);
  assert.equal(third.note?.move, false, "the third restart has its chance");
  const healed = play(policy, [[0, "started"], [1, "ok"], ...badFrom(2, 33), [34, "ok"]]);
  assert.deepEqual([healed.note?.healthy, healed.note?.restarts], [true, 3]);
  const steady = play(
    policy,
    [
      [40, "ok"],
      [335, "ok"],
      [336, "bad"],
    ],
    healed.health,
  );
  assert.deepEqual([steady.note?.restarts, steady.restarts], [1, [336]]);
});

test("with OnUnhealthy=move there is no restart, with none nothing", () => {
  for (const [onUnhealthy, move] of [
    ["move", true],
    ["none", false],
  ] as const) {
    const policy = policyOf({ onUnhealthy, threshold: 2, startMs: 0 });
    const { restarts, note } = play(policy, [
      [0, "started"],
      [1, "bad"],
      [2, "bad"],
      [90, "bad"],
    ]);
    assert.deepEqual(restarts, []);
    assert.equal(note?.move, move);
    assert.equal(note?.since, "T2");
  }
});

test("a note stands through a restart for the unit's health, not through any other", () => {
  const policy = policyOf({ threshold: 1, startMs: 0 });
  const again: Row[] = [
    [3, "stopped"],
    [4, "started"],
  ];
  const restarted = play(policy, [[0, "started"], [1, "ok"], [2, "bad"], ...again]);
  assert.deepEqual(restarted.restarts, [2]);
  assert.equal(restarted.note?.healthy, false);
  assert.equal(play(policy, [[0, "started"], [1, "ok"], ...again]).note, undefined);
});

test("what is told is read back, and a daemon goes on from it", () => {
  const policy = policyOf({ threshold: 1, startMs: 0 });
  const { note } = play(policy, [
    [0, "started"],
    [1, "bad"],
    [2, "bad"],
  ]);
  assert.deepEqual(readHealthNote(writeHealthNote(note!)), { value: note });
  assert.deepEqual(healthNoteOf(resumeHealth(note!, 9_000), "h", policy), note);
  assert.ok("problem" in readHealthNote("{}"));
});

test("whatever comes, restarts keep their pauses and verdicts follow what was seen", () => {
  const rows = fc.array(
    fc.tuple(
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom("started", "stopped", "ok", "bad" as const),
    ),
    { maxLength: 120 },
  );
  const policies = fc.record({
    threshold: fc.integer({ min: 1, max: 4 }),
    startMs: fc.integer({ min: 0, max: 60_000 }),
    onUnhealthy: fc.constantFrom("restart", "move", "none" as const),
  });
  fc.assert(
    fc.property(rows, policies, (steps, change) => {
      let at = 0;
      const timed = steps.map(([pause, what]): Row => [(at += pause), what]);
      const policy = policyOf(change);
      const { health, restarts } = play(policy, timed);
      for (const [i, second] of restarts.entries())
        if (i > 0) assert.ok(second - restarts[i - 1]! >= 10);
      if (policy.onUnhealthy !== "restart") assert.deepEqual(restarts, []);
      if (health.state === "unhealthy") {
        const last = timed.slice(-policy.threshold).map(([, what]) => what);
        assert.ok(
          last.every((what) => what === "bad"),
          last.join(),
        );
      }
      if (health.state === "inactive")
        assert.ok(
          ["stopped", undefined].includes(
            timed.findLast(([, w]) => w === "stopped" || w === "started")?.[1],
          ),
        );
    }),
  );
});
