import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

const LIMIT_MS = 120_000;

/** A program that a test watches, types to or interrupts; it does not outlive the test. */
export interface RunningProgram extends AsyncDisposable {
  /** The first of a process group of its own, as a shell with job control makes them. */
  readonly child: ChildProcess;
  /** What it printed so far, on either output. */
  readonly said: () => string;
  /** Waits until it has printed `words`. @throws when it ends, or takes very long, without. */
  untilSaid(words: string): Promise<void>;
  /** Sends to all of its group, as a terminal does at a Ctrl-C. */
  signalGroup(signal: NodeJS.Signals): void;
  /** Waits for its end: its status, or the signal that ended it. @throws when it takes very long. */
  ended(): Promise<number | NodeJS.Signals>;
}

export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env: NodeJS.ProcessEnv },
): RunningProgram {
  const child = spawn(program, args, { ...options, detached: true, stdio: "pipe" });
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const closed = once(child, "close");
  const outputs = [child.stdout, child.stderr];
  let printed = "";
  for (const output of outputs)
    output.setEncoding("utf8").on("data", (text: string) => (printed += text));
  child.stdin.on("error", () => {}); // it ended before it had read everything
  const within = <T>(awaited: Promise<T>, what: string) =>
    inTime(awaited, () => `${what}: ${program} ${args.join(" ")} printed ${printed}`);
  const signalGroup = (signal: NodeJS.Signals) => {
    assert.ok(child.pid);
    process.kill(-child.pid, signal);
  };
  const ended = async () => {
    const [status, signal] = await within(exited, "it does not end");
    return status ?? signal ?? assert.fail("it ended with neither a status nor a signal");
  };
  return {
    child,
    said: () => printed,
    async untilSaid(words) {
      const { promise: heard, resolve } = Promise.withResolvers<void>();
      const listen = () => void (printed.includes(words) && resolve());
      for (const output of outputs) output.on("data", listen);
      listen();
      await within(Promise.race([heard, closed]), `no word of "${words}"`);
      for (const output of outputs) output.off("data", listen);
      assert.ok(printed.includes(words), `it ended without a word of "${words}": ${printed}`);
    },
    signalGroup,
    ended,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await ended().catch((error: unknown) => {
        signalGroup("SIGKILL");
        throw error;
      });
    },
  };
}

async function inTime<T>(awaited: Promise<T>, message: () => string): Promise<T> {
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new Error(`Waited ${LIMIT_MS} ms, ${message()}`));
  const timer = setTimeout(fail, LIMIT_MS);
  try {
    return await Promise.race([awaited, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
