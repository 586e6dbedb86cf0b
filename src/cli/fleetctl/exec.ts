import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import type { ExecTarget, RemoteProgram } from "#fleet/exec-client.ts";
import { localTerminal } from "./local-terminal.ts";
import { chooseMachine } from "./machine-args.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/**
 * `exec UNIT COMMAND...`: runs a command beside a unit, on one of its machines with `--machine`; without a unit,
 * `exec --machine=MACHINE -- COMMAND...`, on the machine itself; with `--tty` in a terminal. Exits with the command's status.
 */
export async function runExec(session: Session): Promise<number> {
  const { api, args, err, flags, io } = session;
  const [machine, user, unit] = [flags.text("machine"), flags.text("user"), flags.text("unit")];
  // With one of both named by a flag, all arguments are the command.
  const isNamed = machine !== "" || unit !== "";
  const [program, ...words] = isNamed ? args : args.slice(1);
  if (program === undefined) {
    err("A unit, or --machine=MACHINE, and a command must be provided", "USAGE");
    return 1;
  }
  const terminal = flags.bool("tty") ? localTerminal(io) : undefined;
  let remote: RemoteProgram;
  try {
    const target = await targetOf(session, isNamed ? unit : args[0]!, machine);
    const request = {
      command: [program, ...words] as const,
      ...(user !== "" && { user }),
      ...(terminal && { terminal: terminal.about }),
    };
    remote = await api.exec(target, request);
  } catch (error) {
    io.signal.throwIfAborted();
    const isNone = error instanceof Fault && error.code === "UNIT_NOT_FOUND" && machine === "";
    if (isNone) err(`Unit ${unitNameOf(unit || args[0]!)} does not exist.`, error.code);
    else tellFailure(session, "Error running the command", error);
    return 1;
  }
  const abort = () => remote[Symbol.dispose]();
  const isFed = flags.bool("interactive") || terminal !== undefined;
  io.signal.addEventListener("abort", abort, { once: true });
  const lent = terminal?.lend((size) => void remote.resize(size));
  try {
    const input = isFed ? sendInput(session, remote) : remote.endInput();
    input.catch(() => {}); // whoever closed it is told of by what comes back
    return await remote.run(async (stream, bytes) => {
      if (!io[stream].write(bytes)) await once(io[stream], "drain", { signal: io.signal });
    });
  } catch (error) {
    io.signal.throwIfAborted();
    tellFailure(session, "Error running the command", error);
    return 1;
  } finally {
    io.signal.removeEventListener("abort", abort);
    remote[Symbol.dispose]();
    lent?.[Symbol.dispose]();
    if (isFed) io.stdin.destroy();
  }
}

async function targetOf({ api }: Session, unit: string, machine: string): Promise<ExecTarget> {
  const at = machine === "" ? undefined : chooseMachine(machine, await api.machineList()).id;
  if (unit === "" && at !== undefined) return { machineID: at };
  return { unit: unitNameOf(unit), ...(at !== undefined && { machineID: at }) };
}

async function sendInput({ io }: Session, remote: RemoteProgram): Promise<void> {
  for await (const chunk of io.stdin) await remote.write(chunk as Uint8Array);
  await remote.endInput();
}
