import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { median, percentile } from "./support/percentile.ts";

/** How long a command takes from a cold start, beside Node with nothing to do; by turns, so that load meets all alike. */
const RUNS = 40;
const HOME = new URL("..", import.meta.url).pathname;
const COMMANDS = {
  "node -e 0": [`${HOME}node_modules/node/bin/node`, "-e", "0"],
  "etcdctl --version": [`${HOME}bin/etcdctl`, "--version"],
  "fleetctl --version": [`${HOME}bin/fleetctl`, "--version"],
} as const;
type Command = keyof typeof COMMANDS;

if (!existsSync(`${HOME}dist/main.js`))
  throw new Error("there is no bundle to measure; run script/build first");

const timesMs: Record<Command, number[]> = {
  "node -e 0": [],
  "etcdctl --version": [],
  "fleetctl --version": [],
};
const commands = Object.keys(COMMANDS) as Command[];
for (const command of commands) await timeMs(command); // once for the disk's cache
for (let run = 0; run < RUNS; run += 1)
  for (const command of commands) timesMs[command].push(await timeMs(command));

console.table(
  commands.map((command) => {
    const times = timesMs[command];
    return {
      command,
      "median ms": round1(median(times)),
      "p95 ms": round1(percentile(times, 95)),
      "above bare Node": round1(median(times) - median(timesMs["node -e 0"])),
      budget: command === "node -e 0" ? "" : "p95 60 ms",
    };
  }),
);

async function timeMs(command: Command): Promise<number> {
  const [program, ...args] = COMMANDS[command];
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: "ignore" });
  const [status] = (await once(child, "exit")) as [number | null];
  if (status !== 0) throw new Error(`${command} ended with status ${status}`);
  return performance.now() - startMs;
}

function round1(value: number): number {
  return Math.round(value * 10) / 10;
}
