import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { FAULTS, Fault } from "#base/fault.ts";
import { ShutdownRequested } from "#base/shutdown.ts";
import { fleetctl } from "#cli/fleetctl/main.ts";

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Told of all output so far, whenever there is more. */
  readonly onOutput?: (outcome: Pick<Outcome, "stdout" | "stderr">) => void;
}

/** Runs fleetctl in this process as src/cli/main.ts runs it in one of its own. */
export async function runFleetctl(words: readonly string[], options: RunOptions): Promise<Outcome> {
  const written = { stdout: "", stderr: "" };
  const collect = (name: "stdout" | "stderr") =>
    new PassThrough({ encoding: "utf8" }).on("data", (text: string) => {
      written[name] += text;
      options.onOutput?.(written);
    });
  const [stdout, stderr] = [collect("stdout"), collect("stderr")];
  const io = {
    stdin: Readable.from([]),
    stdout,
    stderr,
    env: options.env ?? {},
    cwd: options.cwd,
    signal: options.signal ?? new AbortController().signal,
  };
  const exit = await exitOf(() => fleetctl(words, io), stderr);
  await new Promise((resolve) => setImmediate(resolve)); // lets the streams hand over what was written last
  return { ...written, exit };
}

async function exitOf(run: () => Promise<number>, stderr: PassThrough): Promise<number> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ShutdownRequested) return 130;
    if (!(error instanceof Fault)) throw error;
    stderr.write(`fleetctl: ${error.message}\n`);
    return FAULTS[error.code].exit;
  }
}

/** A command line and what it must do; texts are without the final newline, absent ones must be empty. */
export interface Step {
  /** Words separated by blanks; `_` stands for a blank inside a word. */
  readonly run: string;
  readonly out?: string | RegExp;
  readonly err?: string | RegExp;
  readonly exit?: number;
}

/** Runs the steps in turn against one cluster and compares stdout, stderr and exit status. */
export async function follow(steps: readonly Step[], options: RunOptions): Promise<void> {
  for (const step of steps) {
    const words = step.run
      .split(" ")
      .filter((word) => word !== "")
      .map((word) => word.replaceAll("_", " "));
    const got = await runFleetctl(words, options);
    const about = `fleetctl ${step.run}\nstdout: ${got.stdout}stderr: ${got.stderr}`;
    assert.equal(got.exit, step.exit ?? 0, `exit of ${about}`);
    compare(got.stdout, step.out, `stdout of ${about}`);
    compare(got.stderr, step.err, `stderr of ${about}`);
  }
}

function compare(got: string, expected: string | RegExp = "", about: string): void {
  if (expected instanceof RegExp) assert.match(got, expected, about);
  else
    assert.equal(
      got,
      expected === "" || expected.endsWith("\n") ? expected : `${expected}\n`,
      about,
    );
}

/** A directory of its own with the unit files; removed at the end. */
export async function unitDirectory(
  files: Readonly<Record<string, string>>,
): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "keelson-fleetctl-"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  await mkdir(join(path, "elsewhere"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
