import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BITES } from "#fleet/simulated-bite.ts";
import { FAULTS, type FaultKind } from "#test/simulation/fault-kinds.ts";
import { MUTANTS, type Mutant } from "#test/simulation/mutants.ts";
import { ONCE_PLANTS } from "#test/simulation/once-plants.ts";
import { PLANTS } from "#test/simulation/plants.ts";
import { LEASES_EVERY } from "#test/simulation/shape.ts";
import { type SimulationOptions, simulate } from "#test/simulation/simulation.ts";

const BLOCKS = 20;
const SEEDS_PER_BLOCK = 50;
/** Blocks that run at once, each in a process of its own. */
const AT_ONCE = 2;

const PROGRAM = fileURLToPath(import.meta.resolve("./simulation/simulate.ts"));
/** What ends the output when nothing is wrong; above are counts of what was done. */
const FINE =
  /^faults begun: (.+)\nwhat they did: (.+)\n50 seeds, .* \d+ operations, .* 0 violations\n$/;
/** How often everything that can go wrong has to have gone wrong in all blocks together. */
const EACH_AT_LEAST = 50;
/** Counts of what happened, over all blocks. */
const happened = new Map<string, number>();

describe("whatever happens, the invariants hold", { concurrency: AT_ONCE }, () => {
  for (let block = 0; block < BLOCKS; block++) {
    const first = 1 + block * SEEDS_PER_BLOCK;
    const last = first + SEEDS_PER_BLOCK - 1;
    test(`seeds ${first} to ${last}`, async () => {
      // In a process of its own: in this one every promise costs twice as much, for the test runner follows them.
      const stdout = await run("--seeds", String(SEEDS_PER_BLOCK), "--from", String(first));
      const [, faults = "", bites = ""] = FINE.exec(stdout) ?? assert.fail(stdout);
      for (const item of `${faults}, ${bites}`.split(", ")) {
        const [, count = "", what = ""] = /^(\d+) (.+)$/.exec(item) ?? [];
        happened.set(what, (happened.get(what) ?? 0) + Number(count));
      }
    });
  }
});

test("everything that can go wrong went wrong in these runs, and often", () => {
  for (const what of [...FAULTS, ...BITES])
    assert.ok((happened.get(what) ?? 0) >= EACH_AT_LEAST, `${what}: ${happened.get(what) ?? 0}`);
});

test("the same seed gives the same run", async () => {
  const first = await simulate(3);
  assert.deepEqual(await simulate(3), first);
  assert.notEqual((await simulate(4)).hash, first.hash);
});

/** How many seeds are tried until a planted bug is found. */
const TRIES = 25;
/** The same of the seeds that are about leases, where few machines and units make short runs. */
const LEASE_TRIES = 100;

/** The first violation that some seed finds. */
async function firstFound(
  options: () => SimulationOptions,
  expected: RegExp,
  step = 1,
): Promise<string> {
  const others: string[] = [];
  const tries = step === LEASES_EVERY ? LEASE_TRIES : TRIES;
  for (let at = 1; at <= tries; at++) {
    const { violations } = await simulate(at * step, { ...options(), until: expected });
    const found = violations.find((text) => expected.test(text));
    if (found !== undefined) return found;
    others.push(...violations);
  }
  return `none of ${tries} seeds found it, but ${JSON.stringify(others)}`;
}

const FINDINGS: Readonly<Record<keyof typeof PLANTS, readonly [RegExp, FaultKind]>> = {
  eagerLog: [/^1 .*the disk: ends at entry/, "crash"],
  lossySnapshot: [/^2 .*differs at/, "crash"],
  skippingWatch: [/^after all faults end.* sees /, "slow"],
  blindWrite: [/^a target changes only by compare-and-swap: .* whatever was there/, "slow"],
  hastyAgent: [/^4 no unit is stopped.*"unit was destroyed".*no job/, "wipe"],
  fearfulAgent: [/^8 no stop without a cause/, "crash"],
  forgetfulAgent: [/^4 no unit is started.*again/, "restart"],
  quarrelsomeEngine: [/^7 no target.*conflicts with/, "slow"],
};

for (const [name, plant] of Object.entries(PLANTS)) {
  const [expected, favour] = FINDINGS[name as keyof typeof PLANTS];
  test(`the checks find a planted bug: ${name}`, async () => {
    assert.match(await firstFound(() => ({ plant: plant(), favour }), expected), expected);
  });
}

for (const [name, plant] of Object.entries(ONCE_PLANTS))
  test(`the checks find a planted bug: ${name}`, async () => {
    const expected = /^5 at most one copy/;
    assert.match(await firstFound(() => ({ plant: plant() }), expected, LEASES_EVERY), expected);
  });

/** What the program prints of these seeds, whether or not they fail. */
async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...args]).catch(
    (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr }),
  );
  return stdout;
}

for (const [name, { found, favour, step = 1 }] of Object.entries<Mutant>(MUTANTS)) {
  test(`the checks find a mistake in the program: ${name}, and nothing without it`, async () => {
    const favoured = favour === undefined ? [] : ["--favour", favour];
    const every = ["--from", String(step), "--step", String(step)];
    const tries = step === LEASES_EVERY ? LEASE_TRIES : TRIES;
    const told = await run("--seeds", String(tries), "--mutant", name, ...favoured, ...every);
    const findings = [...told.matchAll(/^seed (\d+): (.*)$/gm)];
    const finding = findings.find(([, , text = ""]) => found.test(text)) ?? assert.fail(told);
    const seed = finding[1] ?? "";
    assert.match(await run("--seeds", "1", "--from", seed, ...favoured), /, 0 violations\n$/);
  });
}
