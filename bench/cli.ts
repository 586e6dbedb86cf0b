import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { median, percentile } from "./support/percentile.ts";

/**
 * How long a command takes from a cold start, beside Node with nothing to do and the real etcdctl; by turns, so that
 * the machine's load meets all alike.
 */
const RUNS = 40;
const HOME = new URL("..", import.meta.url).pathname;
const BARE = "node -e 0";
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  [BARE]: [`${HOME}node_modules/node/bin/node`, "-e", "0"],
  "etcdctl --version": [`${HOME}bin/etcdctl`, "--version"],
  "fleetctl --version": [`${HOME}bin/fleetctl`, "--version"],
  "real etcdctl version": ["/usr/bin/etcdctl", "version"],
};

if (!existsSync(`${HOME}dist/main.js`))
  throw new Error("there is no bundle to measure; run script/build first");

const timesMs = new Map<string, number[]>(Object.keys(COMMANDS).map((name) => [name, []]));
for (
  let run = -1;
  run < RUNS;
  run += 1 // the first one only warms the disk's cache
)
  for (const [name, times] of timesMs) {
    const ms = await timeMs(COMMANDS[name] ?? []);
    if (run >= 0) times.push(ms);
  }

const bareMs = median(timesMs.get(BARE) ?? []);
console.table(
  [...timesMs].map(([command, times]) => ({
    command,
    "median ms": Math.round(median(times)),
    "p95 ms": Math.round(percentile(times, 95)),
    "median to bare Node": Math.round((100 * median(times)) / bareMs) / 100,
    budget: /^(etcd|fleet)ctl/.test(command) ? "p95 60 ms" : "",
  })),
);

async function timeMs(command: readonly string[]): Promise<number> {
  const [program = "", ...args] = command;
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: "ignore" });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${command.join(" ")} ended with status ${status}`);
  return performance.now() - startMs;
}
