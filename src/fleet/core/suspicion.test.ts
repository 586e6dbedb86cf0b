import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { MachineId } from "./machine-id.ts";
import { PresenceTracker } from "./presence-tracker.ts";
import { type Evidence, type Suspicion, Suspicions, stepSuspicion } from "./suspicion.ts";

const TIMES = { patienceMs: 6_000, askingMaxMs: 3_000 };
const [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map((x) => x.repeat(32)) as MachineId[] as [
  MachineId,
  MachineId,
  MachineId,
  MachineId,
  MachineId,
];
const ASKING: Suspicion = { state: "asking", sinceMs: 1_000 };
const ALIVE: Suspicion = { state: "alive", address: "x", sinceMs: 10_000, heardMs: 10_000 };
const SILENT: Suspicion = { state: "silent", sureSinceMs: 11_000 };
const unanswered = (nowMs: number) => ({ type: "unanswered", sides: 3, nowMs }) as const;
const answered = (sentMs: number) => ({ type: "answered", address: "x", sentMs }) as const;

const STEPS = [
  { name: "an answer tells that it is alive", from: ASKING, event: answered(10_000), to: ALIVE },
  {
    name: "no answer tells that it is silent",
    from: ASKING,
    event: unanswered(11_000),
    to: SILENT,
  },
  {
    name: "silent is sure since the first time that two sides asked in vain",
    from: SILENT,
    event: unanswered(13_000),
    to: SILENT,
  },
  {
    name: "one side that asks in vain is never sure",
    from: SILENT,
    event: { type: "unanswered", sides: 1, nowMs: 13_000 } as const,
    to: { state: "silent", sureSinceMs: undefined },
  },
  {
    name: "who answers again and again is alive since the first time",
    from: ALIVE,
    event: answered(12_000),
    to: { ...ALIVE, heardMs: 12_000 },
  },
  {
    name: "one that answered lately is not silent",
    from: ALIVE,
    event: unanswered(15_999),
    to: ALIVE,
  },
  {
    name: "one that answered long ago is",
    from: ALIVE,
    event: unanswered(16_000),
    to: { ...SILENT, sureSinceMs: 16_000 },
  },
  {
    name: "one that was silent may answer again",
    from: SILENT,
    event: answered(10_000),
    to: ALIVE,
  },
];
for (const { name, from, event, to } of STEPS)
  test(`stepSuspicion(): ${name}`, () => {
    assert.deepEqual(stepSuspicion(from, event, TIMES), to);
  });

test("Suspicions: nobody is suspected by who does not ask, and all is forgotten when that begins", () => {
  const suspicions = new Suspicions(TIMES);
  suspicions.suspect(a, 0);
  assert.equal(suspicions.get(a), undefined);
  suspicions.setAsking(true);
  suspicions.suspect(a, 1_000);
  assert.deepEqual(suspicions.evidence(a, 3_999), ASKING);
  assert.equal(suspicions.evidence(a, 4_000), undefined, "no outcome is waited for no longer");
  assert.equal(suspicions.step(a, answered(2_000)), true);
  assert.equal(suspicions.step(a, answered(4_000)), false, "nothing new");
  suspicions.setAsking(false);
  assert.equal(suspicions.get(a), undefined);
});

/** Those gone went at 10,000; those of them that are present are back at 11,000. */
function verdict(
  gone: readonly MachineId[],
  present: readonly MachineId[],
  known: Map<MachineId, Evidence>,
  nowMs = 17_000,
) {
  const presence = new PresenceTracker({ ttlMs: 6_000, holdMs: 60_000 });
  presence.follow(0);
  for (const machine of gone) presence.departed(machine, "expired", 10_000);
  for (const machine of present) presence.returned(machine, 11_000);
  const second = { evidence: (machine: MachineId) => known.get(machine), askingMaxMs: 3_000 };
  const { lost, held, cutOff, againAtMs } = presence.judge(gone, new Set(present), nowMs, second);
  return { lost: [...lost.keys()], held: [...held.keys()], cutOff: [...cutOff], againAtMs };
}

test("PresenceTracker: asking is waited for; who answers is held, who is silent is lost", () => {
  const present = [d, e];
  const of = (evidence: Evidence) => {
    const { lost, held, cutOff } = verdict([a], present, new Map([[a, evidence]]));
    return { lost, held, cutOff };
  };
  assert.deepEqual(of(ASKING), { lost: [], held: [], cutOff: [] });
  assert.deepEqual(of(ALIVE), { lost: [], held: [a], cutOff: [a] });
  assert.deepEqual(of(SILENT), { lost: [a], held: [], cutOff: [] });
});

test("PresenceTracker: of most machines that lost the store, the one that is dead is lost", () => {
  const known = new Map<MachineId, Suspicion>([
    [a, ALIVE],
    [b, ALIVE],
    [c, SILENT],
  ]);
  const { lost, held, cutOff } = verdict([a, b, c], [d, e], known);
  assert.deepEqual([lost, held, cutOff], [[c], [a, b], [a, b]]);
  const dead = new Map([a, b, c].map((machine) => [machine, SILENT]));
  assert.deepEqual(verdict([a, b, c], [d, e], dead).held, [a, b, c]);
});

test("PresenceTracker: an answer of others frees nobody that was silent before it, and may be about to answer too", () => {
  const late = 13_000;
  const known = new Map<MachineId, Suspicion>([
    [a, { ...ALIVE, sinceMs: late, heardMs: late }],
    [b, { ...ALIVE, sinceMs: late, heardMs: late }],
    [c, SILENT],
  ]);
  const { held, againAtMs } = verdict([a, b, c], [d, e], known, 18_999);
  assert.deepEqual([held, againAtMs], [[a, b, c], 19_000]);
  assert.deepEqual(verdict([a, b, c], [d, e], known, 19_000).lost, [c]);
});

test("PresenceTracker: who answers frees nobody that only one side asked in vain", () => {
  const alone: Suspicion = { state: "silent", sureSinceMs: undefined };
  const known = new Map<MachineId, Suspicion>([
    [a, ALIVE],
    [b, alone],
  ]);
  assert.deepEqual(verdict([a, b], [c], known).held, [a, b]);
});

test("PresenceTracker: who is back does not count among many when two machines asked in vain for a time to live since", () => {
  const silent = new Map([[a, SILENT]]);
  assert.deepEqual(verdict([a, b], [b, c], silent).lost, [a]);
  assert.deepEqual(verdict([a, b], [b, c], silent, 16_999).held, [a]);
  const alone: Suspicion = { state: "silent", sureSinceMs: undefined };
  assert.deepEqual(verdict([a, b], [b, c], new Map([[a, alone]])).held, [a]);
  assert.deepEqual(verdict([a, b], [b, c], new Map()).held, [a]);
});

test("PresenceTracker: whatever is known, nobody that answers is lost, and nobody is lost and held", () => {
  const evidence = fc.constantFrom<Evidence>(undefined, ASKING, ALIVE, SILENT);
  const all = [a, b, c, d, e];
  fc.assert(
    fc.property(
      fc.subarray(all),
      fc.array(evidence, { minLength: 5, maxLength: 5 }),
      (gone, known) => {
        const present = all.filter((machine) => !gone.includes(machine));
        const at = new Map(all.map((machine, i) => [machine, known[i]]));
        const { lost, held, cutOff } = verdict(gone, present, at);
        const alive = gone.filter((machine) => at.get(machine)?.state === "alive");
        assert.deepEqual(cutOff, alive);
        assert.ok(lost.every((machine) => !held.includes(machine) && !alive.includes(machine)));
        const dead = gone.filter((machine) => !alive.includes(machine));
        if (dead.length > all.length / 2) assert.deepEqual(lost, []);
      },
    ),
  );
});
