import { writeBlob, writeJobObject } from "#fleet/core/records.ts";
import { carryOut, type SampleUnit, sampleCluster } from "#fleet/core/sample-cluster.ts";
import { schedule } from "#fleet/core/schedule.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";

/** Times the scheduler on a large cluster: everything at once, one more unit, and a look at all of it. */
const MACHINES = 1_000;
const UNITS = 10_000;
const KINDS: Readonly<Record<string, (i: number) => SampleUnit>> = {
  plain: () => ({}),
  "role of 1 in 10": (i) => ({ fleet: [`MachineMetadata=role=r${i % 10}`] }),
  "apart by 10": (i) => ({ fleet: [`Conflicts=u${Math.floor(i / 10)}-*.service`] }),
  "1 of 10 a machine": (i) => ({ fleet: [`MaxPerMachine=1 u${Math.floor(i / 10)}-*`] }),
  "with needs": (i) => ({ fleet: [`MemoryNeed=${1 + (i % 5)}G`, "CPUNeed=0.25"] }),
  "preferring 1 in 10": (i) => ({ fleet: [`Prefer=role=r${i % 10}`] }),
  "10 groups spread": (i) => ({ fleet: [`Spread=role u*-${i % 10}.service`] }),
  "1000 groups spread": (i) => ({ fleet: [`Spread=role u${Math.floor(i / 10)}-*`] }),
  "1 in 10 beside any of 9": (i) =>
    i % 10 === 0 ? { fleet: [`MachineOf=u${Math.floor(i / 10)}-*`] } : {},
  "other conditions": (i) => ({
    fleet: [`MachineMetadata=role notin (r${i % 10}, x*)`, `MachineMetadata=size>=${i % 7}`],
  }),
};

const rows = Object.entries(KINDS).map(([kind, unitOf]) => {
  const machines = Object.fromEntries(
    Array.from({ length: MACHINES }, (_, i) => [`m${i}`, `role=r${i % 10},size=${i % 16}`]),
  );
  const units = Object.fromEntries(
    Array.from({ length: UNITS }, (_, i) => [
      `u${Math.floor(i / 10)}-${i % 10}.service`,
      unitOf(i),
    ]),
  );
  const facts = Object.fromEntries(
    Object.keys(machines).map((name) => [name, { memoryBytes: 64 * 2 ** 30, millicores: 16_000 }]),
  );
  const model = sampleCluster({ machines, facts, units });
  const all = timed(() => schedule(model, new Map(), "all"));
  carryOut(model, all.result, 100_000);
  const more = Array.from({ length: 50 }, (_, i) => `more${i}.service` as UnitName).map(
    (name, i) => {
      addUnit(model, name, unitOf(i));
      const one = timed(() => schedule(model, new Map(), [name]));
      carryOut(model, one.result, 200_000);
      return one.ms;
    },
  );
  const again = timed(() => schedule(model, new Map(), "all"));
  return {
    kind,
    "all (budget 1000 ms)": round(all.ms),
    "one more, median (5 ms)": round(more.toSorted((a, b) => a - b)[25]!),
    "one more, worst": round(Math.max(...more)),
    "look at all": round(again.ms),
    placed: all.result.filter((d) => d.kind === "place").length,
  };
});
console.log(`${UNITS} units onto ${MACHINES} machines, milliseconds`);
console.table(rows);

function addUnit(
  model: ReturnType<typeof sampleCluster>,
  name: UnitName,
  { fleet = [] }: SampleUnit,
): void {
  const hash = name.replace(/\D/g, "").padStart(40, "f");
  const put = (key: string, value: string) =>
    model.apply({ key, after: { value, modifiedIndex: 1 }, by: undefined });
  put(
    model.keys.blob(hash),
    writeBlob(`[Service]\nExecStart=/bin/true\n[X-Fleet]\n${fleet.join("\n")}\n`),
  );
  put(model.keys.job(name, "object"), writeJobObject(name, hash));
  put(model.keys.job(name, "target-state"), "launched");
}

function timed<T>(run: () => T): { result: T; ms: number } {
  const startMs = performance.now();
  const result = run();
  return { result, ms: performance.now() - startMs };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
