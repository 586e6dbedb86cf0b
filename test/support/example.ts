import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { machineState, type Outcome, PROGRAM } from "./keelson.ts";
import { type RunningProgram, runProgram } from "./running.ts";

const EXAMPLES = join(dirname(dirname(PROGRAM)), "examples");
const LIMIT_MS = 120_000;
const PROMPT = /[$#] $/;

/** A copy of one of the examples, with machines of its own; all of it goes with it. */
export interface Example extends AsyncDisposable {
  readonly directory: string;
  /** Runs a line of shell in its directory, as a person would who said `eval "$(keelson env)"`. */
  run(line: string): Promise<Outcome>;
  /** Runs it and fails unless it ends well; what it printed. */
  says(line: string): Promise<string>;
  /** Types lines to a shell that a program opens, on a terminal, the last one to leave it; what came back. */
  types(program: string, lines: readonly string[]): Promise<string>;
  /** Starts it, to be ended by `AsyncDisposable`. */
  start(line: string): RunningProgram;
  /** Replaces texts in one of its files. */
  edit(file: string, changes: Readonly<Record<string, string>>): Promise<void>;
}

/** @param changes texts of its files that are replaced, such as the network that a person's machines may have. */
export async function openExample(
  name: string,
  changes: Readonly<Record<string, string>>,
): Promise<Example> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp("/tmp/keelson-example-");
  stack.defer(() => rm(directory, { recursive: true }));
  const state = stack.use(await machineState());
  await cp(join(EXAMPLES, name), directory, { recursive: true });
  const env = { ...process.env, KEELSON_STATE: state.path, KEELSON_SOURCE: "1" };
  const inPlace = `cd ${directory} && eval "$(${PROGRAM} env)" &&`;
  const run = (line: string) => state.keelson([], ["sh", "-c", `${inPlace} ${line}`]);
  const edit = async (file: string, texts: Readonly<Record<string, string>>) => {
    const path = join(directory, file);
    let content = await readFile(path, "utf8");
    for (const [from, to] of Object.entries(texts)) content = content.replaceAll(from, to);
    await writeFile(path, content);
  };
  const says = async (line: string) => {
    const { status, stdout, stderr } = await run(line);
    assert.equal(status, 0, `${line} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  };
  const start = (line: string) => runProgram("sh", ["-c", `${inPlace} exec ${line}`], { env });
  stack.defer(async () => void (await says("keelson destroy")));
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      await edit(join(entry.parentPath, entry.name).slice(directory.length + 1), changes);
  const owned = stack.move();
  return {
    directory,
    run,
    says,
    start,
    edit,
    types: (program, lines) =>
      typed(start(`env TERM=dumb script --quiet --command '${program}' /dev/null`), lines),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Each line once the prompt is there: what is typed ahead is lost to programs that empty their terminal's input. */
async function typed(running: RunningProgram, lines: readonly string[]): Promise<string> {
  await using terminal = running;
  const { child, said } = terminal;
  let from = 0;
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  for (const line of lines) {
    await until("a prompt", async () => hasEnded() || PROMPT.test(said().slice(from)), said);
    from = said().length;
    child.stdin?.write(`${line}\n`);
  }
  await until("the terminal is left", async () => hasEnded(), said);
  return said();
}

/** Waits until it holds, for as long as machines may take that share two processors with six others. */
export async function until(
  what: string,
  holds: () => Promise<boolean>,
  detail: () => string = () => "",
): Promise<void> {
  for (const endMs = Date.now() + LIMIT_MS; !(await holds()); await sleep(200))
    assert.ok(Date.now() < endMs, `not within ${LIMIT_MS} ms: ${what} ${detail()}`);
}
