import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { explain } from "./explain.ts";
import { readFacts, writeFacts } from "./records.ts";
import {
  carryOut,
  type Sample,
  sampleCluster,
  sampleMachine,
  shortMachine,
} from "./sample-cluster.ts";
import { type Decision, schedule } from "./schedule.ts";

/** What [X-Fleet] says beyond the original: what is decided, and what is told of a unit, by machine. */
const CASES: readonly {
  readonly name: string;
  readonly given: Sample;
  readonly plan: readonly string[];
  /** After the plan is carried out. */
  readonly told?: readonly [unit: string, reasons: readonly string[]];
}[] = [
  {
    name: "wants metadata by every kind of condition",
    given: {
      machines: { a: "role=web,disk=50", b: "role=db,disk=200,ssd=yes", c: "disk=much" },
      units: {
        "n.service": { fleet: ["MachineMetadata=role!=web", "MachineMetadata=role"] },
        "o.service": { fleet: ["MachineMetadata=disk>=100"] },
        "p.service": { fleet: ["MachineMetadata=!ssd", "MachineMetadata=role in (d*, w*)"] },
        "q.service": { fleet: ["MachineMetadata=role notin (web, db)", "MachineMetadata=disk>1"] },
      },
    },
    plan: ["place n.service b", "place o.service b", "place p.service a", "wait q.service"],
    told: [
      "q.service",
      [
        "a no: MachineMetadata role notin (web, db): machine has role=web",
        "b no: MachineMetadata role notin (web, db): machine has role=db",
        "c no: MachineMetadata disk>1: machine has disk=much, which is no number",
      ],
    ],
  },
  {
    name: "fills machines up to MaxPerMachine, and says when they are full",
    given: {
      machines: { a: "", b: "" },
      units: Object.fromEntries(
        [1, 2, 3, 4, 5].map((i) => [`w@${i}.service`, { fleet: ["MaxPerMachine=2"] }]),
      ),
    },
    plan: [
      "place w@1.service a",
      "place w@2.service b",
      "place w@3.service a",
      "place w@4.service b",
      "wait w@5.service",
    ],
    told: [
      "w@5.service",
      [
        "a no: MaxPerMachine 2 of w@*.service: machine has 2",
        "b no: MaxPerMachine 2 of w@*.service: machine has 2",
      ],
    ],
  },
  {
    name: "keeps others to the MaxPerMachine of a unit that is there",
    given: {
      machines: { a: "" },
      units: {
        "db-1.service": { on: "a" },
        "db-2.service": {},
        "host.service": { on: "a", fleet: ["MaxPerMachine=1 db-*"] },
      },
    },
    plan: ["wait db-2.service"],
    told: ["db-2.service", ["a no: MaxPerMachine 1 of db-*: machine has 1"]],
  },
  {
    name: "of too many in one place the later ones go",
    given: {
      machines: { a: "", b: "" },
      units: {
        "w@1.service": { on: "a", fleet: ["MaxPerMachine=1"] },
        "w@2.service": { on: "a", fleet: ["MaxPerMachine=1"] },
        "w@3.service": { on: "a", fleet: ["MaxPerMachine=1"] },
      },
    },
    plan: ["move w@2.service a b", "unplace w@3.service a"],
  },
  {
    name: "a global unit cannot be replaced, so it counts for limits also beside what would replace it",
    given: {
      machines: { a: "", b: "" },
      units: {
        "host.service": { on: "a", fleet: ["MaxPerMachine=1 w@*"] },
        "w@1.service": { on: "a", fleet: ["Replaces=w@*.service"] },
        "w@2.service": { fleet: ["Global=true"] },
      },
    },
    plan: ["unplace w@1.service a"],
  },
  {
    name: "prefers by weight, then takes what is left",
    given: {
      machines: { a: "", b: "zone=x", c: "zone=x,ssd=yes", d: "ssd=yes" },
      units: {
        "p@1.service": { fleet: ["MaxPerMachine=1", "Prefer=zone=x", 'Prefer="5 ssd"'] },
        "p@2.service": { fleet: ["MaxPerMachine=1", "Prefer=zone=x", 'Prefer="5 ssd"'] },
        "p@3.service": { fleet: ["MaxPerMachine=1", "Prefer=zone=x", 'Prefer="5 ssd"'] },
        "p@4.service": { fleet: ["MaxPerMachine=1", "Prefer=zone=x", 'Prefer="5 ssd"'] },
      },
    },
    plan: [
      "place p@1.service c",
      "place p@2.service d",
      "place p@3.service b",
      "place p@4.service a",
    ],
  },
  {
    name: "spreads evenly over the values of a key, machines without it last",
    given: {
      machines: { a: "zone=x", b: "zone=x", c: "zone=y", d: "" },
      units: {
        "s@1.service": { on: "c", fleet: ["Spread=zone"] },
        "s@2.service": { fleet: ["Spread=zone", "MaxPerMachine=1"] },
        "s@3.service": { fleet: ["Spread=zone", "MaxPerMachine=1"] },
        "s@4.service": { fleet: ["Spread=zone", "MaxPerMachine=1"] },
        "s@5.service": { fleet: ["Spread=zone"] },
      },
    },
    plan: [
      "place s@2.service a",
      "place s@3.service b",
      "place s@4.service d",
      "place s@5.service c",
    ],
    told: [
      "s@5.service",
      [
        "a no: MaxPerMachine 1 of s@*.service: machine has 1",
        "b no: MaxPerMachine 1 of s@*.service: machine has 1",
        "c yes: it is placed here",
        "d no: MaxPerMachine 1 of s@*.service: machine has 1",
      ],
    ],
  },
  {
    name: "places by Priority where room is short",
    given: {
      machines: { a: "" },
      facts: { a: { memoryBytes: 2 ** 30 } },
      units: {
        "a.service": { fleet: ["MemoryNeed=600M", "Priority=-1"] },
        "b.service": { fleet: ["MemoryNeed=600M"] },
        "c.service": { fleet: ["MemoryNeed=600M", "Priority=10"] },
      },
    },
    plan: ["place c.service a", "wait b.service", "wait a.service"],
    told: ["b.service", ["a no: MemoryNeed 600M: 424M of 1G are free"]],
  },
  {
    name: "counts what units need, global ones too, and takes unknown machines to be large",
    given: {
      machines: { a: "", b: "", c: "" },
      facts: { a: { millicores: 2000, memoryBytes: 2 ** 30 }, b: { millicores: 4000 } },
      units: {
        "every.service": { fleet: ["Global=true", "CPUNeed=0.5"] },
        "big.service": { fleet: ["CPUNeed=1.75"], on: "c" },
        "n1.service": { fleet: ["CPUNeed=1.75", "MachineID=610000000000"] },
        "n2.service": { fleet: ["CPUNeed=3.5", "Conflicts=big.service"] },
        "n3.service": { fleet: ["CPUNeed=100"] },
        "n4.service": { fleet: ["CPUNeed=2", "Conflicts=big.service"] },
      },
    },
    plan: ["wait n1.service", "place n2.service b", "place n3.service c", "wait n4.service"],
    told: [
      "n4.service",
      [
        "a no: CPUNeed 2: 1.5 of 2 cores are free",
        "b no: CPUNeed 2: 0 of 4 cores are free",
        "c no: conflicts with big.service",
      ],
    ],
  },
  {
    name: "leaves what runs where it is, though the machine turned out to be smaller",
    given: {
      machines: { a: "", b: "" },
      facts: { a: { memoryBytes: 1024 } },
      units: { "x.service": { on: "a", fleet: ["MemoryNeed=1G"] } },
    },
    plan: [],
  },
  {
    name: "gives the room of units that move away to the one that replaces them",
    given: {
      machines: { a: "", b: "" },
      facts: { a: { memoryBytes: 1000 }, b: { memoryBytes: 1000 } },
      units: {
        "new.service": { fleet: ["MemoryNeed=800", "Replaces=old.service"] },
        "old.service": { fleet: ["MemoryNeed=800"], on: "a" },
      },
    },
    plan: ["place new.service a", "move old.service a b"],
  },
  {
    name: "places beside any unit that matches MachineOf, and follows it",
    given: {
      machines: { a: "", b: "", c: "" },
      units: {
        "side.service": { fleet: ["MachineOf=web@*.service"] },
        "stray.service": { fleet: ["MachineOf=none-*.service"] },
        "tail.service": { on: "c", fleet: ["MachineOf=web@*.service"] },
        "web@1.service": { on: "c", desired: "inactive" },
        "web@2.service": {},
      },
    },
    plan: [
      "unplace web@1.service c",
      "place web@2.service a",
      "place side.service a",
      "wait stray.service",
      "move tail.service c a",
    ],
    told: [
      "stray.service",
      ["a", "b", "c"].map(
        (m) => `${m} no: MachineOf none-*.service: no unit of such a name is placed here`,
      ),
    ],
  },
  {
    name: "reads %m and %H for the machine that is looked at",
    given: {
      machines: { a: "home=one.lab", b: "home=other" },
      facts: { a: { hostName: "one.lab" }, b: { hostName: "two" } },
      units: {
        [`store-${sampleMachine("a")}.service`]: { on: "a" },
        "apart.service": { fleet: ["Conflicts=store-%m.service"] },
        "home.service": { fleet: ["MachineMetadata=home=%H"] },
        "near.service": { fleet: ["MachineOf=store-%m.service"] },
      },
    },
    plan: ["place apart.service b", "place home.service a", "place near.service a"],
  },
];

for (const { name, given, plan, told } of CASES)
  test(`schedule() ${name}`, () => {
    const model = sampleCluster(given);
    const decisions = schedule(model, new Map(), "all");
    assert.deepEqual(decisions.map(brief), plan);
    carryOut(model, decisions, 1000);
    if (told === undefined) return;
    const reasons = explain(model, told[0] as UnitName, new Map())?.reasons ?? [];
    assert.deepEqual(
      reasons.map((r) => `${shortMachine(r.machineID)} ${r.fits ? "yes" : "no"}: ${r.reason}`),
      told[1],
    );
  });

test("schedule() says what it preferred a machine for", () => {
  const model = sampleCluster({
    machines: { a: "", b: "zone=x,ssd=yes" },
    units: { "s@1.service": { fleet: ["Prefer=4 ssd", "Prefer=6 zone=y", "Spread=zone"] } },
  });
  const [decision] = schedule(model, new Map(), "all");
  const why = "is the best that fits (preferred by 4 of 10, zone=x has 0 of s@*.service; 0 units)";
  assert.equal(decision?.reason, `desired state is launched; ${sampleMachine("b")} ${why}`);
  const reasons = explain(model, "s@1.service" as UnitName, new Map())?.reasons ?? [];
  assert.equal(
    reasons[0]?.reason,
    "fits; units placed here: 0; preferred by 0 of 10, has no zone to spread s@*.service over",
  );
});

test("facts are read as they are written, and none of them has to be there", () => {
  const facts = { memoryBytes: 2 ** 33, millicores: 2500, hostName: "a" };
  assert.equal(writeFacts(facts), '{"memoryBytes":8589934592,"cpus":2.5,"hostName":"a"}');
  assert.deepEqual(readFacts(writeFacts(facts)), { value: facts });
  const none = { memoryBytes: undefined, millicores: undefined, hostName: undefined };
  assert.deepEqual(readFacts("{}"), { value: none });
  assert.ok("problem" in readFacts('{"memoryBytes":-1}'));
});

function brief(decision: Decision): string {
  const machines = [
    "from" in decision ? shortMachine(decision.from) : "",
    "to" in decision ? shortMachine(decision.to) : "",
  ];
  return [decision.kind, decision.unit, ...machines].filter(Boolean).join(" ");
}
