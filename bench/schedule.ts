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
};

const rows = Object.entries(KINDS).map(([kind, unitOf]) => {
  const machines = Object.fromEntries(
    Array.from({ length: MACHINES }, (_, i) => [`m${i}`, `role=r${i % 10}`]),
  );
  const units = Object.fromEntries(
    Array.from({ length: UNITS }, (_, i) => [
      `u${Math.floor(i / 10)}-${i % 10}.service`,
      unitOf(i),
    ]),
  );
  const model = sampleCluster({ machines, units });
  const all = timed(() => schedule(model, new Map(), "all"));
  carryOut(model, all.result, 100_000);
  const more = Array.from({ length: 50 }, (_, i) => `more${i}.service` as UnitName).map((name) => {
    addUnit(model, name);
    const one = timed(() => schedule(model, new Map(), [name]));
    carryOut(model, one.result, 200_000);
    return one.ms;
  });
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

function addUnit(model: ReturnType<typeof sampleCluster>, name: UnitName): void {
  const hash = "f".repeat(40);
  const put = (key: string, value: string) =>
    model.apply({ key, after: { value, modifiedIndex: 1 }, by: undefined });
  put(model.keys.blob(hash), writeBlob("[Service]\nExecStart=/bin/true\n"));
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
