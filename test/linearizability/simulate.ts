// simulate.ts --place memory|etcd [--seeds N] [--from S] [--verbose]: simulated stores, one for each seed; tells of
// those in which something was wrong, and counts.
import { parseArgs } from "node:util";
import { etcdPlace } from "./etcd-place.ts";
import { simulateStore } from "./simulate-store.ts";
import { memoryPlace } from "./store-place.ts";

const { values } = parseArgs({
  options: {
    place: { type: "string", default: "etcd" },
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    verbose: { type: "boolean", default: false },
  },
});
/** What is wrong once is wrong again and again. */
const PROBLEMS_MAX = 5;
const newPlace = values.place === "memory" ? memoryPlace : etcdPlace;
const [from, seeds] = [Number(values.from), Number(values.seeds)];
const total = { operations: 0, unknown: 0, faults: 0, events: 0, compared: 0, violations: 0 };

for (let seed = from; seed < from + seeds; seed++) {
  const print = values.verbose ? { print: (line: string) => console.log(line) } : {};
  const { problems, ...counts } = await simulateStore(seed, newPlace, print);
  for (const [name, count] of Object.entries(counts)) total[name as keyof typeof counts] += count;
  total.violations += problems.length;
  for (const problem of problems.slice(0, PROBLEMS_MAX)) console.log(`seed ${seed}: ${problem}`);
}
console.log(
  `${seeds} seeds, ${total.operations} operations, ${total.unknown} of unknown end, ${total.faults} faults, ` +
    `${total.events} watch events, ${total.compared} states compared, ${total.violations} violations`,
);
process.exitCode = total.violations > 0 ? 1 : 0;
