import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import type { AttachedProcess } from "#systemd/attached-process.ts";
import type { ApiContext } from "./api-context.ts";
import { type ExecFrame, type ExecRequest, readExecSize } from "./core/exec-frames.ts";
import type { ExecChannel } from "./exec-channel.ts";
import { LaunchMessage, spawnFailure } from "./launch-message.ts";

const SHORT_LENGTH = 8; // what fleetctl prints of an id

export interface ExecRun {
  readonly channel: ExecChannel;
  /** What comes from the client behind the request. */
  readonly frames: AsyncIterator<ExecFrame>;
  /** Undefined for the machine itself. */
  readonly unit: string | undefined;
  readonly wanted: ExecRequest;
}

/**
 * Runs a command on this machine, with its client's input, and tells the client what it prints and how it ended. One that
 * cannot be started has a shell's exit status for that, and a message that says so.
 * @throws {Fault} what keeps everything from being started there; FLEET_UNREACHABLE when the client is gone
 */
export async function runExec(
  context: Pick<ApiContext, "machineConsole" | "me">,
  run: ExecRun,
  signal: AbortSignal,
): Promise<void> {
  const { channel, unit, wanted } = run;
  const { machineConsole, me } = context;
  const [command] = wanted.command;
  const where = `${unit === undefined ? "" : `in ${unit} `}on machine ${me.slice(0, SHORT_LENGTH)}...`;
  const refuse = async (status: number, failure: string) => {
    const end = wanted.terminal ? "\r\n" : "\n";
    await channel.send("stderr", Buffer.from(`Cannot run ${command} ${where}: ${failure}${end}`));
    await channel.send("exit", Buffer.from(JSON.stringify({ status })));
  };
  let program: AttachedProcess;
  try {
    program = await machineConsole.start(unit, wanted, signal);
  } catch (error) {
    const facts = error instanceof Fault ? error.facts : {};
    const refusal = facts["program"] === command ? spawnFailure(String(facts["code"])) : undefined;
    if (refusal === undefined) throw error;
    return refuse(refusal.status, refusal.failure);
  }
  await using started = program;
  const input = feed(started, run, machineConsole, signal);
  const message = new LaunchMessage(command);
  // In a terminal everything is shown there.
  const spoken = wanted.terminal ? "stdout" : "stderr";
  const output = Promise.all(
    (["stdout", "stderr"] as const).map(async (kind) => {
      for await (const chunk of started.child[kind] as AsyncIterable<Buffer>) {
        const bytes = kind === spoken ? message.take(chunk) : chunk;
        if (bytes.length > 0) await channel.send(kind, bytes);
      }
    }),
  );
  // A client that is gone, or silent, ends the program.
  await untilAborted(Promise.race([output, input]), signal);
  const ended = await untilAborted(started.ended, signal);
  const { failure, rest } = message.end(ended.status);
  if (failure !== undefined) return refuse(ended.status, failure);
  if (rest.length > 0) await channel.send(spoken, rest);
  await channel.send("exit", Buffer.from(JSON.stringify(ended)));
}

/** Input until its end; fails when the client is gone before the program has ended. */
async function feed(
  program: AttachedProcess,
  { frames }: ExecRun,
  console: Pick<ApiContext["machineConsole"], "resize">,
  signal: AbortSignal,
): Promise<void> {
  const { stdin } = program.child;
  const closed = new AbortController();
  stdin.once("close", () => closed.abort());
  for (;;) {
    const { done, value } = await frames.next();
    if (done === true) throw new Fault("FLEET_UNREACHABLE", "Cannot go on: the client is gone");
    if (value.kind === "stdinEnd") stdin.end();
    else if (value.kind === "resize") {
      const size = readExecSize(value.payload);
      if (size !== undefined) await console.resize(program, size, signal);
    } else if (value.kind === "stdin" && stdin.writable && !stdin.write(value.payload))
      await once(stdin, "drain", { signal: closed.signal }).catch(() => {}); // nobody reads it any more
  }
}

/** What the work comes to, unless the signal aborts first. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  work.catch(() => {}); // told by the race
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
