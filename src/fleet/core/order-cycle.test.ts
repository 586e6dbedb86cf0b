import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import { parseUnitName, type UnitName } from "#unitfile/core/unit-name.ts";
import { cycleThrough, type Ordered, startLayers } from "./order-cycle.ts";
import { refusedCycle } from "./refuse-cycle.ts";
import { type Sample, sampleCluster } from "./sample-cluster.ts";

const CASES: readonly {
  readonly what: string;
  readonly units: Sample["units"];
  readonly name: string;
  readonly lines: readonly string[];
  readonly cycle: string | undefined;
}[] = [
  {
    what: "a glob that also means itself",
    units: {},
    name: "a.service",
    lines: ["After=*.service"],
    cycle: undefined,
  },
  {
    what: "a unit that is not there",
    units: {},
    name: "a.service",
    lines: ["After=b.service"],
    cycle: undefined,
  },
  {
    what: "one that comes after it",
    units: { "b.service": { fleet: ["Requires=a.service"] } },
    name: "a.service",
    lines: ["After=b.service"],
    cycle: "a.service after b.service after a.service",
  },
  {
    what: "a chain, the shortest way",
    units: {
      "b.service": { fleet: ["After=c.service d.service"] },
      "c.service": { fleet: ["After=d.service"] },
      "d.service": { fleet: ["After=a.service"] },
    },
    name: "a.service",
    lines: ["After=b.service"],
    cycle: "a.service after b.service after d.service after a.service",
  },
  {
    what: "a unit that names itself",
    units: {},
    name: "a.service",
    lines: ["Requires=a.service"],
    cycle: "a.service after a.service",
  },
  {
    what: "a template whose instances come after one of them",
    units: { "a@1.service": {} },
    name: "a@.service",
    lines: ["After=a@1.service"],
    cycle: undefined,
  },
  {
    what: "a glob that means its instance",
    units: { "b.service": { fleet: ["After=a@*.service"] } },
    name: "a@1.service",
    lines: ["After=b.service"],
    cycle: "a@1.service after b.service after a@1.service",
  },
  {
    what: "instances of a template after all of them",
    units: { "a@1.service": { fleet: ["After=a@*.service"] } },
    name: "a@2.service",
    lines: ["After=a@*.service"],
    cycle: "a@2.service after a@1.service after a@2.service",
  },
  {
    what: "an instance that would get the template's text",
    units: { "a@1.service": {}, "b.service": { fleet: ["After=a@1.service"] } },
    name: "a@.service",
    lines: ["After=b.service"],
    cycle: "a@1.service after b.service after a@1.service",
  },
  {
    what: "templates of each other's instances",
    units: { "b@.service": { fleet: ["After=a@%i.service"] } },
    name: "a@.service",
    lines: ["After=b@%i.service"],
    cycle: "a@.service after b@.service after a@.service",
  },
  {
    what: "a name that some machine makes the same",
    units: { "b.service": { fleet: ["After=a@%m.service"] } },
    name: "a@1.service",
    lines: ["After=b.service"],
    cycle: "a@1.service after b.service after a@1.service",
  },
  {
    what: "a text that replaces the one which closed the circle",
    units: { "a.service": { fleet: ["After=b.service"] }, "b.service": {} },
    name: "b.service",
    lines: ["After=c.service"],
    cycle: undefined,
  },
];

for (const { what, units, name, lines, cycle } of CASES)
  test(`refusedCycle() of ${what}`, () => {
    const model = sampleCluster({ machines: { a: "" }, units });
    const raw = `[Service]\nExecStart=/bin/true\n[X-Fleet]\n${lines.join("\n")}\n`;
    const text = refusedCycle(model, name as UnitName, raw);
    assert.equal(/circle: (.*);/.exec(text ?? "")?.[1], cycle);
  });

/** Units u0 to u5 with who comes after whom. */
const graphs = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 10 }).map((edges) =>
  [0, 1, 2, 3, 4, 5].map((n): Ordered => {
    const after = edges.filter(([from]) => from === n).map(([, to]) => `After=u${to}.service`);
    const name = `u${n}.service`;
    const text = `[X-Fleet]\n${after.join("\n")}\n`;
    return { name, wants: fleetSection(parseUnitFile(text, name), parseUnitName(name)) };
  }),
);

test("a graph of units has a cycle, or layers that hold every one after those it names", () =>
  fc.assert(
    fc.property(graphs, (units) => {
      const byName = new Map(units.map((unit) => [unit.name, unit]));
      const cycles = units
        .flatMap((unit) => [cycleThrough(unit, byName) ?? []])
        .filter((c) => c.length > 0);
      for (const cycle of cycles) {
        assert.equal(cycle[0], cycle.at(-1));
        assert.ok(cycle.length > 2);
        for (const [i, name] of cycle.slice(0, -1).entries())
          assert.ok(byName.get(name)!.wants.after.includes(cycle[i + 1]!));
      }
      const layers = startLayers(units);
      assert.deepEqual(
        layers
          .flat()
          .map(({ name }) => name)
          .toSorted(),
        [...byName.keys()],
      );
      const depth = new Map(layers.flatMap((layer, i) => layer.map(({ name }) => [name, i])));
      const isInOrder = units.every(({ name, wants }) =>
        wants.after.every((other) => other === name || depth.get(other)! < depth.get(name)!),
      );
      assert.equal(isInOrder, cycles.length === 0);
    }),
    { numRuns: 1_000 },
  ));
