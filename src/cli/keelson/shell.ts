import { spawn } from "node:child_process";
import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import { openLocalCluster, programPath } from "#cli/keelson/local.ts";
import type { Io } from "#cli/program.ts";
import { machineEnvironment } from "#machines/core/base-tree.ts";

export async function shell(args: readonly string[], io: Io): Promise<number> {
  const [name, dashes, ...rest] = args;
  if (name === undefined || name.startsWith("-"))
    throw new Fault("USAGE", "Cannot open a shell: name a machine, as in `keelson shell core-01`");
  const command = dashes === "--" || dashes === undefined ? rest : [dashes, ...rest];
  const { cluster, provider, state } = openLocalCluster(io);
  const facts = {
    machine: await cluster.machine(name),
    root: state.root(name),
    program: programPath(io),
  };
  const environment = Object.entries(machineEnvironment(facts)).map(([k, v]) => `${k}=${v}`);
  const inside = command.length > 0 ? command : ["bash", "--norc", "-i"];
  const [program = "", ...programArgs] = await provider.commandIn(name, [
    ...environment,
    `PS1=core@${name} \\w $ `,
    "sh",
    "-c",
    'cd; exec "$@"',
    "sh",
    ...inside,
  ]);
  const child = spawn(program, programArgs, { stdio: "inherit" });
  const [status, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return status ?? (signal === "SIGINT" ? 130 : 1);
}
