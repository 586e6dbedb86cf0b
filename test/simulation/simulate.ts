// script/simulate --seeds N --from S [--verbose]: runs N seeds from S on, tells of those that fail, and counts.
// --step N takes every Nth seed only; --favour KIND has a kind of fault happen often; --mutant NAME plants a bug and ends with the first seed that finds it.
import { parseArgs } from "node:util";
import { FAULTS } from "./fault-kinds.ts";
import { isMutantName, plantMutant } from "./mutants.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
    favour: { type: "string" },
    mutant: { type: "string" },
    step: { type: "string", default: "1" },
  },
});
const { mutant } = values;
if (mutant !== undefined && isMutantName(mutant)) plantMutant(mutant);
else if (mutant !== undefined) throw new Error(`Cannot plant ${mutant}: there is no such mutant`);
const favour = FAULTS.find((kind) => kind === values.favour);
if (values.favour !== undefined && favour === undefined)
  throw new Error(`Cannot favour ${values.favour}: it is none of ${FAULTS.join(", ")}`);
const print = values.verbose ? (line: string) => console.log(line) : undefined;
// Only now, so that what is planted is in what is loaded.
const { simulate } = await import("./simulation.ts");
const [from, seeds, step] = [Number(values.from), Number(values.seeds), Number(values.step)];
const total = { simulatedMs: 0, operations: 0, events: 0, violations: 0, settledMs: 0 };
const [faults, bites] = [new Map<string, number>(), new Map<string, number>()];
const startedMs = performance.now();

for (let seed = from; seed < from + seeds * step; seed += step) {
  const report = await simulate(seed, { ...(print && { print }), ...(favour && { favour }) });
  total.simulatedMs += report.simulatedMs;
  total.operations += report.operations;
  total.events += report.events;
  total.settledMs = Math.max(total.settledMs, report.settledMs);
  total.violations += report.violations.length;
  addUp(faults, report.faults);
  addUp(bites, report.bites);
  for (const violation of report.violations) console.log(`seed ${seed}: ${violation}`);
  if (report.violations.length > 0)
    console.log(`replay: script/simulate --from ${seed} --seeds 1 --verbose`);
  if (report.violations.length > 0 && mutant !== undefined) break;
}

console.log(`faults begun: ${describe(faults)}`);
console.log(`what they did: ${describe(bites)}`);
console.log(
  `${seeds} seeds, ${Math.round(total.simulatedMs / 1000)} simulated seconds in ${((performance.now() - startedMs) / 1000).toFixed(1)} s, ` +
    `${total.operations} operations, ${sum(faults)} faults, ${total.events} events, ` +
    `settled within ${Math.round(total.settledMs / 1000)} s, ${total.violations} violations`,
);
process.exitCode = total.violations > 0 ? 1 : 0;

function addUp(to: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [what, count] of counts) to.set(what, (to.get(what) ?? 0) + count);
}

function describe(counts: ReadonlyMap<string, number>): string {
  const lines = [...counts].map(([what, count]) => `${count} ${what}`);
  return lines.sort().join(", ");
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}
