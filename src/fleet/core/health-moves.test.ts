import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { writeAvoidance } from "./avoidance.ts";
import { explain } from "./explain.ts";
import { type HealthNote, isServing, writeHealthNote } from "./health-note.ts";
import { writeUnitState } from "./records.ts";
import { type Sample, sampleCluster, sampleMachine, shortMachine } from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

const CHECK = ["HealthCheck=tcp:80"];

/** `web@1.service a`, with what the agent there noted. */
type Noted = readonly [where: string, note: Partial<HealthNote>];

function clusterOf(machines: string, units: Sample["units"], notes: readonly Noted[]) {
  const names = Object.fromEntries(machines.split(" ").map((name) => [name, ""]));
  const model = sampleCluster({ machines: names, units });
  let modifiedIndex = 1_000;
  const set = (key: string, value: string) =>
    model.apply({ key, after: { value, modifiedIndex: (modifiedIndex += 1) }, by: undefined });
  for (const [where, note] of notes) {
    const [unit, short] = where.split(" ") as [UnitName, string];
    const machine = sampleMachine(short);
    const hash = model.jobs.get(unit)!.hash!;
    const state = {
      loadState: "loaded",
      activeState: "active",
      subState: "running",
      machine,
      hash,
    };
    set(model.keys.state(unit, machine), writeUnitState(state));
    const whole = {
      healthy: true,
      since: "T",
      failures: 0,
      reason: "",
      hash,
      restarts: 0,
      move: false,
    };
    set(model.keys.note("health", unit, machine), writeHealthNote({ ...whole, ...note }));
  }
  return { model, set };
}

const ILL = { healthy: false, reason: "HTTP status 503", move: true };
const WELL = {};

function planOf(model: Parameters<typeof schedule>[0]): string[] {
  return schedule(model, new Map(), "all").map((decision) => {
    const { kind, unit } = decision;
    if (kind === "wait") return `wait ${unit}: ${decision.reason.replace(/^.*?; /, "")}`;
    const to = "to" in decision ? ` to ${shortMachine(decision.to)}` : "";
    const avoid = "avoid" in decision ? `, avoid: ${decision.avoid?.replace(/ on \w+/, "")}` : "";
    return `${kind} ${unit}${to}${avoid}`;
  });
}

test("schedule() moves what nothing helps on its machine, if another one fits", () => {
  const on = (machine: string, ...fleet: string[]) => ({
    on: machine,
    fleet: [...CHECK, ...fleet],
  });
  const cases: readonly (readonly [string, string, Sample["units"], Noted[], string[]])[] = [
    ["a healthy unit stays", "a b", { "web.service": on("a") }, [["web.service a", WELL]], []],
    [
      "an unhealthy one whose agent still tries stays",
      "a b",
      { "web.service": on("a") },
      [["web.service a", { ...ILL, move: false }]],
      [],
    ],
    [
      "one that is to move does, and is kept away",
      "a b",
      { "web.service": on("a") },
      [["web.service a", ILL]],
      ["move web.service to b, avoid: unhealthy: HTTP status 503"],
    ],
    [
      "it stays where no other machine fits",
      "a b",
      { "web.service": on("a"), "db.service": { on: "b", fleet: ["Conflicts=web.service"] } },
      [["web.service a", ILL]],
      ["wait web.service: no other machine fits"],
    ],
    [
      "it stays on its only machine",
      "a b",
      { "web.service": on("a", `MachineID=${sampleMachine("a")}`) },
      [["web.service a", ILL]],
      ["wait web.service: no other machine fits"],
    ],
    [
      "what runs beside it goes with it",
      "a b",
      { "web.service": on("a"), "side.service": { on: "a", fleet: ["MachineOf=web.service"] } },
      [["web.service a", ILL]],
      ["move web.service to b, avoid: unhealthy: HTTP status 503", "move side.service to b"],
    ],
    [
      "what was noted of another file does not count",
      "a b",
      { "web.service": on("a") },
      [["web.service a", { ...ILL, hash: "old" }]],
      [],
    ],
    [
      "one of two instances moves",
      "a b c",
      { "w@1.service": on("a"), "w@2.service": on("b") },
      [
        ["w@1.service a", ILL],
        ["w@2.service b", WELL],
      ],
      ["move w@1.service to c, avoid: unhealthy: HTTP status 503"],
    ],
    [
      "most of a template are held",
      "a b c d",
      {
        "w@1.service": on("a"),
        "w@2.service": on("a"),
        "w@3.service": on("b"),
        "x.service": on("c"),
      },
      [
        ["w@1.service a", ILL],
        ["w@2.service a", ILL],
        ["w@3.service b", WELL],
        ["x.service c", WELL],
      ],
      [
        "wait w@1.service: held: 2 of 3 instances of w@.service are unhealthy, which has another cause than one machine",
        "wait w@2.service: held: 2 of 3 instances of w@.service are unhealthy, which has another cause than one machine",
      ],
    ],
    [
      "units on most machines are held",
      "a b c d",
      { "web.service": on("a"), "db.service": on("b"), "x.service": on("c") },
      [
        ["web.service a", ILL],
        ["db.service b", { ...ILL, move: false }],
        ["x.service c", WELL],
      ],
      [
        "wait web.service: held: units are unhealthy on 2 of 3 machines, which has another cause than one machine",
      ],
    ],
  ];
  for (const [name, machines, units, notes, plan] of cases)
    assert.deepEqual(planOf(clusterOf(machines, units, notes).model), plan, name);
});

test("schedule() leaves what is unhealthy on a closed machine where it is while no other one fits", () => {
  const units = {
    "web.service": { on: "a", fleet: CHECK },
    "side.service": { on: "a", fleet: ["MachineOf=web.service"] },
  };
  for (const part of ["cordoned", "draining"] as const) {
    const { model, set } = clusterOf("a", units, [["web.service a", ILL]]);
    set(model.keys.machine(sampleMachine("a"), part), JSON.stringify({ by: "alice", at: "T" }));
    assert.deepEqual(planOf(model), ["wait web.service: no other machine fits"], part);
  }
});

test("schedule() avoids a machine for a while, unless nothing else fits", () => {
  const avoid = (machine: string) => {
    const { model, set } = clusterOf("a b", { "web.service": { fleet: CHECK } }, []);
    for (const short of machine)
      set(
        model.keys.note("avoid", "web.service" as UnitName, sampleMachine(short)),
        writeAvoidance({ reason: "unhealthy" }),
      );
    return model;
  };
  assert.deepEqual(planOf(avoid("")), ["place web.service to a"]);
  assert.deepEqual(planOf(avoid("a")), ["place web.service to b"]);
  assert.deepEqual(planOf(avoid("ab")), ["place web.service to a"]);
  const [first] = explain(avoid("a"), "web.service" as UnitName, new Map())!.reasons;
  assert.match(first!.reason, /avoided for a while: unhealthy$/);
});

test("explain() and isServing() tell what the checks say", () => {
  const web = "web.service" as UnitName;
  const of = (note: Partial<HealthNote>) => {
    const { model } = clusterOf("a", { [web]: { on: "a", fleet: CHECK } }, [[`${web} a`, note]]);
    const [reason] = explain(model, web, new Map())!.reasons;
    return [reason?.reason, isServing(model, web, sampleMachine("a"))];
  };
  assert.deepEqual(of(WELL), ["it is placed here; healthy since T", true]);
  assert.deepEqual(of(ILL), ["it is placed here; unhealthy since T: HTTP status 503", false]);
  assert.deepEqual(of({ hash: "old" }), ["it is placed here; health not known yet", false]);
});
