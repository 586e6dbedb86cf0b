import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type RunningProgram, runProgram } from "./running.ts";

const execute = promisify(execFile);

export const PROGRAM = join(import.meta.dirname, "../../bin/keelson");
const COMMAND_LIMIT_MS = 300_000;

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `text` as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** A state directory for machines of a test; they are destroyed with it. */
export interface MachineState extends AsyncDisposable {
  readonly path: string;
  /** Runs `keelson ARGS` on it, with `wrapper` before it. */
  keelson(args: readonly string[], wrapper?: readonly string[]): Promise<Outcome>;
  /** Runs it and fails unless it ends well; what it printed. */
  succeed(...args: string[]): Promise<string>;
  /** Starts it, in a directory, to be interrupted. */
  start(args: readonly string[], directory?: string): RunningProgram;
  /** What there is of its machines on this computer: processes, mounts, control groups. */
  traces(): Promise<readonly string[]>;
}

export async function machineState(): Promise<MachineState> {
  const parent = await mkdtemp("/tmp/keelson-machines-");
  await chmod(parent, 0o755); // some tests run keelson as another user
  const path = join(parent, "state");
  const env = { ...process.env, KEELSON_STATE: path, KEELSON_SOURCE: "1" };
  const keelson = async (args: readonly string[], wrapper: readonly string[] = []) => {
    const [program = "", ...rest] = [...wrapper, PROGRAM, ...args];
    return outcomeOf(
      execute(program, rest, { env, timeout: COMMAND_LIMIT_MS, killSignal: "SIGKILL" }),
    );
  };
  const succeed = async (...args: string[]) => {
    const { status, stdout, stderr } = await keelson(args);
    if (status !== 0)
      throw new Error(`keelson ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
    return stdout;
  };
  return {
    path,
    keelson,
    succeed,
    start: (args, cwd = ".") => {
      const running = runProgram(PROGRAM, args, { cwd, env });
      running.child.stdin?.end();
      return running;
    },
    traces: () => tracesOf(path),
    async [Symbol.asyncDispose]() {
      await succeed("destroy");
      await rm(parent, { recursive: true });
    },
  };
}

async function outcomeOf(running: Promise<{ stdout: string; stderr: string }>): Promise<Outcome> {
  try {
    return { status: 0, ...(await running) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { status: code, stdout, stderr };
  }
}

async function tracesOf(state: string): Promise<string[]> {
  const processes = (await readdir("/proc"))
    .filter((name) => /^\d+$/.test(name))
    .map(async (pid) => {
      const [line, environment, mounts] = await Promise.all(
        ["cmdline", "environ", "mountinfo"].map((file) =>
          readFile(`/proc/${pid}/${file}`, "utf8").catch(() => ""),
        ),
      );
      const isOurs = environment?.includes(`KEELSON_ROOT=${state}`) || mounts?.includes(state);
      return isOurs ? [`process ${pid}: ${line?.replaceAll("\0", " ")}`] : [];
    });
  const tag = createHash("sha256").update(state).digest("hex").slice(0, 8); // as in their groups' names
  const groups = (await readdir("/sys/fs/cgroup", { recursive: true })).filter(
    (path) => path.endsWith(".slice") && path.includes(`keelson-${tag}-`),
  );
  return [...(await Promise.all(processes)).flat(), ...groups.map((path) => `group ${path}`)];
}
