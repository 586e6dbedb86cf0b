// Runs the checks and every test file, and closes with one count over all of them. Nothing may be skipped: a test
// that cannot run here is a failure of the setup, and says so.
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join, relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { endFiles, watchFiles } from "#test/support/overdue.ts";

const HOME = join(import.meta.dirname, "..");
const TEST_LIMIT_MS = 600_000;
const FILE_LIMIT_MS = 900_000;
/** A run that hangs here and there ends as well, with what it counted until then. */
const RUN_LIMIT_MS = 75 * 60_000;

// The same sources are loaded by hundreds of processes: what Node makes of them is kept for the next.
process.env["NODE_COMPILE_CACHE"] = join(HOME, "node_modules/.cache/node");

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const [flags, named] = [
  process.argv.slice(2).filter((arg) => arg.startsWith("--")),
  process.argv.slice(2).filter((arg) => !arg.startsWith("--")),
];
const isFast = flags.includes("--fast");
const count: Count = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];

const files =
  named.length > 0
    ? named.map((file) => join(process.cwd(), file))
    : globSync(["src/**/*.test.ts", "test/**/*.test.ts"], { cwd: HOME })
        .toSorted()
        .map((file) => join(HOME, file));
const isReal = (file: string) => file.endsWith(".real.test.ts");

using _watch = watchFiles(FILE_LIMIT_MS);
const overdue = setTimeout(() => void endRun(), RUN_LIMIT_MS);

if (named.length === 0) check();
await runFiles(
  files.filter((file) => !isReal(file)),
  2,
);
// Real machines, servers and clusters share two cores: one after another, so that limits mean something.
if (!isFast) await runFiles(files.filter(isReal), 1);

clearTimeout(overdue);
process.exitCode = conclude();

/** Prints what was counted; the exit status. */
function conclude(): number {
  for (const failure of failures) console.log(`failed: ${failure}`);
  if (count.skipped > 0)
    console.log("skipped tests count as failures here: mend the setup (script/setup test)");
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  return count.failed > 0 || count.skipped > 0 || count.passed === 0 ? 1 : 0;
}

async function endRun(): Promise<never> {
  count.failed += 1;
  failures.push(`the run: not over after ${RUN_LIMIT_MS / 60_000} minutes, the rest was not run`);
  await endFiles(0);
  process.exit(conclude());
}

/** Types, lint, form and dead code count as one test. */
function check(): void {
  const { status } = spawnSync(join(HOME, "script/lint"), { stdio: "inherit" });
  if (status === 0) count.passed += 1;
  else {
    count.failed += 1;
    failures.push("script/lint");
  }
}

async function runFiles(chosen: readonly string[], concurrency: number): Promise<void> {
  if (chosen.length === 0) return;
  const stream = run({ files: [...chosen], concurrency, timeout: TEST_LIMIT_MS });
  stream.on("test:pass", (event) => tally(event, "passed"));
  stream.on("test:fail", (event) => tally(event, "failed"));
  const report = stream.compose(spec);
  report.pipe(process.stdout, { end: false });
  await new Promise<void>((resolve, reject) => report.once("end", resolve).once("error", reject));
}

function tally(
  event: {
    name: string;
    file?: string;
    skip?: string | boolean;
    todo?: string | boolean;
    details: { type?: string };
  },
  outcome: "passed" | "failed",
): void {
  if (event.details.type === "suite") return;
  if (event.skip !== undefined || event.todo !== undefined) count.skipped += 1;
  else count[outcome] += 1;
  if (outcome === "failed") failures.push(`${relative(HOME, event.file ?? "")}: ${event.name}`);
}
