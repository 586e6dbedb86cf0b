import { spawn } from "node:child_process";
import { once } from "node:events";
import { Fault } from "#base/fault.ts";
import { openLocalCluster } from "#cli/keelson/local.ts";
import type { Io } from "#cli/program.ts";

export async function shell(args: readonly string[], io: Io): Promise<number> {
  const [name, dashes, ...rest] = args;
  if (name === undefined || name.startsWith("-"))
    throw new Fault("USAGE", "Cannot open a shell: name a machine, as in `keelson shell core-01`");
  const command = dashes === "--" || dashes === undefined ? rest : [dashes, ...rest];
  const { cluster, provider } = openLocalCluster(io);
  await cluster.machine(name);
  const inside = command.length > 0 ? command : ["bash", "--norc", "-i"];
  const [program = "", ...programArgs] = await provider.commandIn(name, [
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
