// node test/simulation/simulate-once.ts [--seeds N] [--from S] [--verbose]: runs units of which at most one copy may run.
import { parseArgs } from "node:util";
import { simulateOnce } from "./once-run.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "50" },
    from: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
  },
});
const [from, seeds] = [Number(values.from), Number(values.seeds)];
let [starts, moves, lapses, violations] = [0, 0, 0, 0];

for (let seed = from; seed < from + seeds; seed++) {
  const report = await simulateOnce(seed, values.verbose ? { print: console.log } : {});
  starts += report.starts;
  moves += report.moves;
  lapses += report.lapses;
  violations += report.violations.length;
  for (const violation of report.violations) console.log(`seed ${seed}: ${violation}`);
}
console.log(
  `${seeds} seeds, ${starts} starts, ${moves} moves, ${lapses} leases ran out, ${violations} violations`,
);
process.exitCode = violations > 0 ? 1 : 0;
