import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "#base/clock.ts";
import { ContainerProvider } from "#machines/container-provider.ts";
import { type Equipment, type Machine, PLAIN_EQUIPMENT } from "#machines/core/machine.ts";
import type { SshAccess } from "#machines/provider.ts";
import { StateDirectory } from "#machines/state-directory.ts";
import { type Outcome, PROGRAM } from "./keelson.ts";

const execute = promisify(execFile);

const HOME = dirname(dirname(PROGRAM));
const COMMAND_LIMIT_MS = 300_000;
const CONFIGURED_LIMIT_MS = 120_000;
const POLL_MS = 100;
const NEVER = new AbortController().signal;

export interface ContainerClusterOptions {
  readonly count: number;
  /** What each applies at its boot; none: nothing. */
  readonly userData?: (machine: Machine) => string | Promise<string>;
  readonly equipment?: (number: number) => Equipment;
  /** A user-data that cannot be applied is no failure of `boot`. */
  readonly mayFail?: true;
}

/**
 * Machines with systemd as process 1, users, a disk and an address of their own, off at first. They run the
 * repository's sources. Everything of theirs is gone when it is disposed.
 */
export interface ContainerCluster extends AsyncDisposable {
  readonly provider: ContainerProvider;
  readonly state: StateDirectory;
  readonly machines: readonly Machine[];
  /** Switches them on, all without names, and waits until each has applied its user-data. */
  boot(...names: string[]): Promise<void>;
  /** A script for bash, as the machine's root. */
  run(name: string, script: string): Promise<Outcome>;
  /** The same, which has to end well; what it printed. */
  succeed(name: string, script: string): Promise<string>;
  /** A command line by ssh(1), with the provider's key and user unless others are named. */
  ssh(name: string, command: string, other?: Partial<SshAccess>): Promise<Outcome>;
  /** What there is of them on this computer: processes, control groups, bridges. */
  traces(): Promise<readonly string[]>;
}

/** Needs root. The first time on a computer this makes the base tree, which takes half a minute. */
export async function openContainerCluster(
  options: ContainerClusterOptions,
): Promise<ContainerCluster> {
  const parent = await mkdtemp("/tmp/keelson-containers-");
  const state = new StateDirectory(join(parent, "state"));
  const provider = new ContainerProvider({
    state,
    program: PROGRAM,
    clock: systemClock,
    env: { ...process.env, KEELSON_SOURCE: "1" },
    report: () => {},
  });
  const machines = await makeMachines(provider, options);
  const find = (name: string) => {
    const machine = machines.find((m) => m.name === name);
    if (machine === undefined) throw new Error(`no machine ${name} in this test`);
    return machine;
  };
  const run = async (name: string, script: string) =>
    outcomeOf(await provider.commandIn(name, ["bash", "-c", script]));
  const bootOne = async (machine: Machine) => {
    await provider.boot(machine, NEVER);
    const inside = (script: string) => run(machine.name, script);
    await untilConfigured(inside);
    if (options.mayFail === undefined) await checkConfigured(machine.name, inside);
  };
  return {
    provider,
    state,
    machines,
    run,
    async boot(...names) {
      const chosen = names.length === 0 ? machines : names.map(find);
      const results = await Promise.allSettled(chosen.map(bootOne)); // none may go on when this fails
      for (const result of results) if (result.status === "rejected") throw result.reason;
    },
    async succeed(name, script) {
      const { status, stdout, stderr } = await run(name, script);
      if (status !== 0)
        throw new Error(`on ${name}, ${script} ended with ${status}:\n${stdout}${stderr}`);
      return stdout;
    },
    async ssh(name, command, other = {}) {
      const access = { ...(await provider.sshAccess(find(name))), ...other };
      return outcomeOf([...sshCommand(access), command]);
    },
    traces: () => tracesOf(state.path),
    async [Symbol.asyncDispose]() {
      for (const name of await state.machineNames()) await provider.cutPower(name, NEVER);
      for (const name of await state.machineNames()) await provider.remove(name);
      await rm(parent, { recursive: true });
    },
  };
}

/** As in a terminal, but every question is an error. */
export function sshCommand(access: SshAccess): readonly string[] {
  return [
    "ssh",
    "-F/dev/null",
    "-oBatchMode=yes",
    "-oIdentitiesOnly=yes",
    "-oStrictHostKeyChecking=yes",
    `-oUserKnownHostsFile=${access.knownHostsFile}`,
    `-i${access.identityFile}`,
    `-p${access.port}`,
    `${access.user}@${access.host}`,
  ];
}

async function makeMachines(
  provider: ContainerProvider,
  { count, userData, equipment }: ContainerClusterOptions,
): Promise<readonly Machine[]> {
  const network = await provider.defaultNetwork();
  const machines = Array.from({ length: count }, (_, at) => ({
    name: `core-0${at + 1}`,
    number: at + 1,
    id: `${at + 1}${randomBytes(16).toString("hex")}`.padStart(34, "0").slice(0, 32),
    address: `${network}.${at + 1}`,
    metadata: { role: at === 0 ? "store" : "worker" },
    equipment: equipment?.(at + 1) ?? PLAIN_EQUIPMENT,
  }));
  if (userData !== undefined)
    for (const machine of machines)
      await provider.writeUserData(machine.name, await userData(machine));
  return machines;
}

/** The targets' job comes after the unit that applies the user-data, and that one after the units it starts. */
async function untilConfigured(run: (script: string) => Promise<Outcome>): Promise<void> {
  const query = "systemctl show --property=ActiveState --value multi-user.target coreos-cloudinit";
  for (const endMs = Date.now() + CONFIGURED_LIMIT_MS; ; await sleep(POLL_MS)) {
    const { stdout } = await run(query);
    const [target, cloudinit] = stdout.split("\n").filter(Boolean);
    if (target === "active" && cloudinit !== "activating") return;
    if (Date.now() > endMs)
      throw new Error(`not configured: ${(await run("systemctl list-jobs")).stdout}`);
  }
}

async function checkConfigured(
  name: string,
  run: (script: string) => Promise<Outcome>,
): Promise<void> {
  if ((await run("systemctl is-failed --quiet coreos-cloudinit")).status !== 0) return;
  const { stdout } = await run("journalctl --no-pager --output=cat --unit=coreos-cloudinit");
  throw new Error(`${name} could not apply its user-data:\n${stdout}`);
}

async function outcomeOf([program = "", ...args]: readonly string[]): Promise<Outcome> {
  try {
    return { status: 0, ...(await execute(program, args, { timeout: COMMAND_LIMIT_MS })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { status: code, stdout, stderr };
  }
}

/** By what the provider names for a state directory: its control groups and its bridge. */
async function tracesOf(state: string): Promise<readonly string[]> {
  const tag = createHash("sha256").update(state).digest("hex").slice(0, 8);
  const links = (await readdir("/sys/class/net")).filter((name) => name.includes(tag));
  const groups = (await readdir("/sys/fs/cgroup", { recursive: true })).filter((path) =>
    path.endsWith(`.slice`) ? path.includes(`keelson-${tag}-`) : false,
  );
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const own = processes.map(async (pid) => {
    const mounts = await readFile(`/proc/${pid}/mountinfo`, "utf8").catch(() => "");
    return mounts.includes(state) ? [`process ${pid}`] : [];
  });
  return [...links, ...groups, ...(await Promise.all(own)).flat()];
}

/** The user-data of the quickstart, for a cluster of containers. */
export async function quickstartFor(machine: Machine): Promise<string> {
  const text = await readFile(join(HOME, "examples/quickstart/user-data"), "utf8");
  return text.replaceAll(
    "127.0.1.",
    `${machine.address.slice(0, machine.address.lastIndexOf("."))}.`,
  );
}
