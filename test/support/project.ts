import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type MachineState, machineState, type Outcome } from "./keelson.ts";
import type { RunningProgram } from "./running.ts";

/** A directory with a `keelson.yaml`, whose machines go with it. */
export interface ProjectDirectory extends AsyncDisposable {
  readonly directory: string;
  readonly state: MachineState;
  /** Writes a file of it. */
  write(name: string, content: string): Promise<void>;
  /** Runs `keelson ARGS` in it, or in another directory. */
  keelson(args: readonly string[], directory?: string): Promise<Outcome>;
  /** Starts it, to be interrupted. */
  start(args: readonly string[]): RunningProgram;
  /** Runs it and fails unless it ends well; what it printed. */
  readonly succeed: (...args: string[]) => Promise<string>;
  /** The same, for what it tells the person. */
  readonly tells: (...args: string[]) => Promise<string>;
}

export async function projectDirectory(files: Record<string, string>): Promise<ProjectDirectory> {
  await using stack = new AsyncDisposableStack();
  const parent = await mkdtemp("/tmp/keelson-project-");
  stack.defer(() => rm(parent, { recursive: true }));
  await chmod(parent, 0o755);
  const state = stack.use(await machineState());
  const directory = join(parent, "web");
  await mkdir(directory);
  const write = (name: string, content: string) => writeFile(join(directory, name), content);
  for (const [name, content] of Object.entries(files)) await write(name, content);
  const keelson = (args: readonly string[], from = directory) =>
    state.keelson(args, ["env", `--chdir=${from}`]);
  const endsWell = async (args: readonly string[]) => {
    const outcome = await keelson(args);
    if (outcome.status === 0) return outcome;
    const { status, stdout, stderr } = outcome;
    throw new Error(`keelson ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  };
  stack.defer(async () => void (await endsWell(["destroy"])));
  const owned = stack.move();
  return {
    directory,
    state,
    write,
    keelson,
    start: (args) => state.start(args, directory),
    succeed: async (...args) => (await endsWell(args)).stdout,
    tells: async (...args) => (await endsWell(args)).stderr,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
