import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explain } from "./explain.ts";
import {
  carryOut,
  type Sample,
  type SampleUnit,
  sampleCluster,
  sampleMachine,
  shortMachine,
} from "./sample-cluster.ts";
import { schedule } from "./schedule.ts";

/** A machine as plain data, and what each line of [X-Fleet] means for it, said without the scheduler's code. */
interface Plain {
  readonly role: string | undefined;
  readonly size: number;
  readonly memory: number;
  readonly cores: number;
}
const MACHINES: Readonly<Record<string, Plain>> = {
  a: { role: "web", size: 1, memory: 4, cores: Infinity },
  b: { role: "db", size: 8, memory: Infinity, cores: 2 },
  c: { role: undefined, size: 3, memory: 6, cores: 3 },
  d: { role: undefined, size: Number.NaN, memory: Infinity, cores: Infinity },
};
const ON_MACHINE: Readonly<Record<string, (machine: Plain) => boolean>> = {
  "MachineMetadata=role=web": ({ role }) => role === "web",
  "MachineMetadata=role!=web": ({ role }) => role !== "web",
  "MachineMetadata=role": ({ role }) => role !== undefined,
  "MachineMetadata=!role": ({ role }) => role === undefined,
  "MachineMetadata=role in (w*, x)": ({ role }) => role === "web",
  "MachineMetadata=role notin (web, db)": ({ role }) => role === undefined,
  "MachineMetadata=size>=3": ({ size }) => size >= 3,
  "MachineMetadata=size<3": ({ size }) => size < 3,
};
/** By its line: how many others, of those that the machine holds, the unit bears. */
const AMONG: Readonly<Record<string, { readonly max: number; readonly counts: RegExp }>> = {
  "MaxPerMachine=1": { max: 1, counts: /^w@.+\.service$/ },
  "MaxPerMachine=2": { max: 2, counts: /^w@.+\.service$/ },
  "MaxPerMachine=1 w@1*": { max: 1, counts: /^w@1.*$/ },
};
const NEEDS: Readonly<Record<string, { readonly memory?: number; readonly cores?: number }>> = {
  "MemoryNeed=1": { memory: 1 },
  "MemoryNeed=3": { memory: 3 },
  "CPUNeed=1.5": { cores: 1.5 },
};
const SOFT = ["Prefer=2 role", "Prefer=size>2", "Spread=role", "Priority=1", "Priority=-1"];

const lines = [...Object.keys(ON_MACHINE), ...Object.keys(AMONG), ...Object.keys(NEEDS), ...SOFT];
const anyUnit: fc.Arbitrary<SampleUnit> = fc.record({
  fleet: fc.uniqueArray(fc.constantFrom(...lines), { maxLength: 3 }),
});
const anySample = fc
  .tuple(
    fc.shuffledSubarray(Object.keys(MACHINES), { minLength: 1 }),
    fc.array(anyUnit, { minLength: 1, maxLength: 12 }),
  )
  .map(([names, units]) => sampleOf(names, units));

function sampleOf(names: readonly string[], units: readonly SampleUnit[]): Sample {
  const each = names.map((name) => [name, MACHINES[name]!] as const);
  const metadata = ({ role, size }: Plain) =>
    [role && `role=${role}`, size >= 0 && `size=${size}`].filter(Boolean).join(",");
  return {
    machines: Object.fromEntries(each.map(([name, plain]) => [name, metadata(plain)])),
    facts: Object.fromEntries(
      each.map(([name, { memory, cores }]) => [
        name,
        {
          memoryBytes: memory === Infinity ? undefined : memory,
          millicores: cores === Infinity ? undefined : cores * 1000,
        },
      ]),
    ),
    units: Object.fromEntries(units.map((unit, i) => [`w@${i}.service`, unit])),
  };
}

/** Whether all that these units ask of the machine and of each other holds. */
function isFine(machine: Plain, here: readonly (readonly [string, SampleUnit])[]): boolean {
  const sum = (what: "memory" | "cores") =>
    here
      .flatMap(([, { fleet = [] }]) => {
        const wanted = fleet.map((line) => NEEDS[line]?.[what]).filter((n) => n !== undefined);
        return wanted.at(-1) ?? 0;
      })
      .reduce((a, b) => a + b, 0);
  const needs = sum("memory") <= machine.memory && sum("cores") <= machine.cores;
  return (
    needs &&
    here.every(([name, { fleet = [] }]) =>
      fleet.every((line) => {
        const limit = AMONG[line];
        const others = here.filter(([other]) => other !== name && limit?.counts.test(other)).length;
        const own = limit?.counts.test(name) ? 1 : 0;
        return (ON_MACHINE[line]?.(machine) ?? true) && (!limit || others + own <= limit.max);
      }),
    )
  );
}

function placed(sample: Sample) {
  const model = sampleCluster(sample);
  const decisions = schedule(model, new Map(), "all");
  carryOut(model, decisions, 1000);
  const on = (short: string) => {
    const names = model.placedOn(sampleMachine(short));
    return Object.entries(sample.units).filter(([name]) => names.has(name as never));
  };
  return { model, decisions, on };
}

test("every machine is as all units on it ask, and nothing that waits could be added to any", () => {
  fc.assert(
    fc.property(anySample, (sample) => {
      const { model, decisions, on } = placed(sample);
      const names = Object.keys(sample.machines);
      for (const short of names) assert.ok(isFine(MACHINES[short]!, on(short)), short);
      for (const decision of decisions) {
        if (decision.kind !== "wait") continue;
        const homeless = [decision.unit, sample.units[decision.unit]!] as const;
        const { reasons } = explain(model, decision.unit, new Map())!;
        assert.equal(reasons.length, names.length);
        for (const { machineID, fits, reason } of reasons) {
          const short = shortMachine(machineID);
          assert.ok(!isFine(MACHINES[short]!, [...on(short), homeless]), `${short} is free`);
          assert.ok(!fits && reason !== "", `${short}: ${reason}`);
        }
      }
    }),
    { numRuns: 3000 },
  );
});

test("a unit waits only if all that were placed before it have at least its priority", () => {
  const need = fc.constantFrom("MemoryNeed=1", "MemoryNeed=2");
  const priority = fc.integer({ min: -3, max: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(need, priority), { maxLength: 8 }), (wanted) => {
      const units = wanted.map(([line, p]) => ({ fleet: [line, `Priority=${p}`] }));
      const { decisions } = placed(sampleOf(["a"], units));
      const priorities = decisions.map(({ unit }) => wanted[Number(/\d+/.exec(unit))]![1]);
      assert.deepEqual(
        priorities,
        priorities.toSorted((x, y) => y - x),
      );
    }),
  );
});

test("units that spread are even over the values of the key while there is room", () => {
  const zones = fc.array(fc.constantFrom("x", "y", "z"), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(zones, fc.integer({ min: 1, max: 20 }), (machines, count) => {
      const names = machines.map((zone, i) => [String.fromCodePoint(97 + i), `zone=${zone}`]);
      const units = Array.from({ length: count }, (_, i) => [
        `w@${i}.service`,
        { fleet: ["Spread=zone"] },
      ]);
      const { on } = placed({
        machines: Object.fromEntries(names),
        units: Object.fromEntries(units),
      });
      const counts = new Map<string, number>();
      for (const [short = "", zone = ""] of names)
        counts.set(zone, (counts.get(zone) ?? 0) + on(short).length);
      assert.ok(Math.max(...counts.values()) - Math.min(...counts.values()) <= 1);
    }),
  );
});
