import { Fault } from "#base/fault.ts";
import { type Local, oneMachine, openLocalCluster, programPath } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import { splitSshArguments, sshCommand, sshConfigBlock } from "#cli/keelson/ssh-command.ts";
import type { Io } from "#cli/program.ts";
import { runInTerminal } from "#cli/run-in-terminal.ts";
import { machineEnvironment } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";

/**
 * `ssh NAME`, `ssh NAME COMMAND...` or, as Vagrant has it, `ssh NAME -c COMMAND` and `ssh NAME -- WORDS FOR SSH`.
 * The command is one line for the machine's shell, as with ssh(1).
 */
export async function ssh(args: readonly string[], io: Io): Promise<number> {
  const { project, name, words } = parseSsh(args);
  const local = await openLocalCluster(io, { project });
  const machine = await oneMachine(local, name);
  const given = splitSshArguments(words);
  const argv =
    local.provider.manager === "user"
      ? await shellCommand(local, machine, given.command, io)
      : await loginCommand(local, machine, given);
  return await runInTerminal(argv, io);
}

interface SshWords {
  readonly project: string | undefined;
  readonly name: string;
  /** As ssh(1) takes them behind the host. */
  readonly words: readonly string[];
}

function parseSsh(args: readonly string[]): SshWords {
  const [first = "", second] = args;
  if (first === "--project" && second !== undefined)
    return { ...parseSsh(args.slice(2)), project: second };
  if (first.startsWith("--project="))
    return { ...parseSsh(args.slice(1)), project: first.slice("--project=".length) };
  if (first === "" || first.startsWith("-"))
    throw new Fault(
      "USAGE",
      "Cannot open a shell: name a machine first, as in `keelson ssh core-01`; `keelson help ssh` shows what it takes",
    );
  const rest = args.slice(1);
  if (rest[0] === "--") return { project: undefined, name: first, words: rest.slice(1) };
  if (rest[0] === "-c" || rest[0] === "--command")
    return { project: undefined, name: first, words: ["--", ...rest.slice(1)] };
  if (rest[0]?.startsWith("-"))
    throw new Fault(
      "USAGE",
      `Cannot use ${rest[0]} here: what is for ssh stands behind a "--", as in \`keelson ssh ${first} -- ${rest.join(" ")}\``,
    );
  return { project: undefined, name: first, words: rest.length === 0 ? [] : ["--", ...rest] };
}

/** A machine that runs no sshd is entered. */
async function shellCommand(
  { provider, state }: Local,
  machine: Machine,
  command: readonly string[],
  io: Io,
): Promise<readonly string[]> {
  const facts = { machine, root: state.root(machine.name), program: programPath(io) };
  const environment = Object.entries(machineEnvironment(facts)).map(([k, v]) => `${k}=${v}`);
  const line = command.join(" ");
  const inside = line === "" ? ["bash", "--norc", "-i"] : ["bash", "-c", line];
  return provider.commandIn(machine.name, [
    ...environment,
    `PS1=core@${machine.name} \\w $ `,
    "sh",
    "-c",
    'cd; exec "$@"',
    "sh",
    ...inside,
  ]);
}

async function loginCommand(
  { provider }: Local,
  machine: Machine,
  given: ReturnType<typeof splitSshArguments>,
): Promise<readonly string[]> {
  await provider.commandIn(machine.name, ["true"]); // says so when it is halted
  return sshCommand(machine.name, await provider.sshAccess(machine), given);
}

/** What ssh(1) and whatever stands on it, such as FLEETCTL_TUNNEL, needs to know of the machines. */
export async function sshConfig(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("ssh-config", args, "names", COMMON_OPTIONS);
  const { cluster, provider } = await openLocalCluster(io, values);
  const machines = await cluster.machines(positionals);
  if (machines.length === 0)
    throw new Fault(
      "MACHINE_NOT_FOUND",
      "Cannot tell how to reach machines: there are none; make some with `keelson up`",
    );
  const blocks = machines.map(async (machine) =>
    sshConfigBlock(machine.name, await provider.sshAccess(machine)),
  );
  io.stdout.write((await Promise.all(blocks)).join("\n"));
  return 0;
}
