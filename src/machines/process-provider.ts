import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { BOOT_SCRIPT } from "#machines/boot-script.ts";
import { killProcess } from "#machines/control-group.ts";
import { STAY_FILE, USER_DATA } from "#machines/core/base-tree.ts";
import { portsListenedOn } from "#machines/core/listeners.ts";
import { DEFAULT_NETWORK, type Machine } from "#machines/core/machine.ts";
import { unusableCharacter } from "#machines/core/unusable-character.ts";
import { bootFirstProcess, type FirstProcess } from "#machines/first-process.ts";
import { HostScope } from "#machines/host-scope.ts";
import type { MachineGroup } from "#machines/machine-group.ts";
import { OwnGroup } from "#machines/own-group.ts";
import type { HaltOptions, MachineLogs, Provider, SshAccess } from "#machines/provider.ts";
import { isAlive, type RunningProcess, readRunningProcess } from "#machines/running-process.ts";
import type { StateDirectory } from "#machines/state-directory.ts";
import { layOutTree } from "#machines/tree.ts";
import { visitorsOf } from "#machines/visitors.ts";

const run = promisify(execFile);

const BOOT_LIMIT_MS = 30_000;
const HALT_LIMIT_MS = 120_000; // longer than systemd's own DefaultTimeoutStopSec of 90 s
const POLL_MS = 20;

export interface ProcessProviderInit {
  readonly state: StateDirectory;
  /** Absolute path of `bin/keelson`. */
  readonly program: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where systemd's own programs are looked for. */
  readonly systemdDirectories?: readonly string[];
}

/**
 * Machines as private `systemd --user` managers, each in namespaces and a control group of its own: a hostname, a
 * machine id, a journal, units and an address (loopback), in well under a second. Where systemd booted this computer
 * it lends the control group, and others than root get the rest by a user namespace; elsewhere root makes its own.
 */
export class ProcessProvider implements Provider {
  readonly name = "process";
  readonly manager = "user";
  readonly #init: ProcessProviderInit;
  readonly #isRoot = process.getuid?.() === 0;
  /** Sets these machines' control groups apart from those of another state directory. */
  readonly #tag: string;

  /** @throws {Fault} CONFIG_INVALID when the program's path cannot stand in a unit. */
  constructor(init: ProcessProviderInit) {
    const unusable = unusableCharacter(init.program);
    if (unusable !== undefined)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot make machines with ${init.program}: its path has a ${JSON.stringify(unusable)}, which units cannot name; move Keelson to another directory`,
      );
    this.#init = init;
    this.#tag = init.state.tag;
  }

  async defaultNetwork(): Promise<string> {
    return DEFAULT_NETWORK;
  }

  async hasUserData(name: string): Promise<boolean> {
    return existsSync(this.#userData(name));
  }

  async writeUserData(name: string, text: string): Promise<void> {
    await writeFileAtomic(this.#userData(name), text);
  }

  async check(): Promise<void> {
    this.#systemdPrograms();
  }

  async boot(machine: Machine, signal: AbortSignal): Promise<void> {
    const { name } = machine;
    const programs = this.#systemdPrograms();
    await this.cutPower(name, signal); // whatever a cut-off boot left
    await checkAddress(machine);
    await layOutTree(this.#init.state.root(name), machine, this.#init.program);
    try {
      await bootFirstProcess(await this.#firstProcess(name, programs), signal);
    } catch (error) {
      await this.cutPower(name, new AbortController().signal); // the reason may be that `signal` aborted
      signal.throwIfAborted();
      await this.#checkNamespaces();
      throw error;
    }
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.#running(name)) !== undefined;
  }

  async halt(name: string, options: HaltOptions, signal: AbortSignal): Promise<void> {
    const { clock, state } = this.#init;
    const visitors = await this.#visitors(name);
    for (const { pid } of visitors) killProcess(pid, "SIGHUP");
    const running = await this.#running(name);
    if (running !== undefined) {
      if (!options.leave) await writeFileAtomic(join(state.root(name), STAY_FILE), "");
      killProcess(running.pid, "SIGTERM"); // systemd(1): a user manager starts exit.target
      const endMs = clock.monotonicMs() + HALT_LIMIT_MS;
      while ((await isAlive(running)) && clock.monotonicMs() < endMs)
        await clock.sleep(POLL_MS, signal);
    }
    await this.cutPower(name, signal); // the journal's process, and what would not stop
    await endAll(visitors);
  }

  async cutPower(name: string, signal: AbortSignal): Promise<void> {
    const visitors = await this.#visitors(name);
    await this.#group(name).kill(signal);
    await endAll(visitors);
    await rm(this.#processFile(name), { force: true });
    await rm(join(this.#init.state.root(name), "run"), { recursive: true, force: true });
  }

  async remove(name: string): Promise<void> {
    await this.#group(name).remove();
    await rm(this.#init.state.root(name), { recursive: true, force: true });
  }

  async commandIn(name: string, argv: readonly string[]): Promise<readonly string[]> {
    const running = await this.#running(name);
    if (running === undefined)
      throw new Fault(
        "MACHINE_NOT_FOUND",
        `Cannot run a command on ${name}: it is halted; start it with \`keelson up ${name}\``,
      );
    const root = this.#init.state.root(name);
    return [
      "nsenter",
      `--target=${running.pid}`,
      ...(this.#isRoot ? [] : ["--user", "--preserve-credentials"]),
      ...(this.#group(name).isLent ? ["--cgroup"] : []),
      "--mount",
      "--uts",
      "env",
      `XDG_RUNTIME_DIR=${root}/run`,
      `KEELSON_ROOT=${root}`,
      `HOME=${root}/home/core`,
      `PATH=${this.#path()}`,
      ...argv,
    ];
  }

  logs(name: string): MachineLogs {
    const journal = join(this.#init.state.root(name), "var/log/journal");
    return { console: this.#bootLog(name), journal };
  }

  async sshAccess({ name }: Machine): Promise<SshAccess> {
    throw new Fault(
      "USAGE",
      `Cannot reach ${name} by ssh: machines of the process provider run no sshd; \`keelson ssh ${name}\` opens a shell in it, and machines made with \`keelson up --provider container\` have one`,
    );
  }

  async partition(a: Machine, b: Machine): Promise<void> {
    throw new Fault(
      "USAGE",
      `Cannot part ${a.name} from ${b.name}: machines of the process provider share this computer's network; make them with \`keelson up --provider container\``,
    );
  }

  async heal(): Promise<void> {}

  #userData(name: string): string {
    return join(this.#init.state.root(name), USER_DATA);
  }

  async #firstProcess(name: string, programs: SystemdPrograms): Promise<FirstProcess> {
    const group = this.#group(name);
    return {
      name,
      argv: await group.command(["/bin/sh", "-c", BOOT_SCRIPT]),
      env: {
        KEELSON_SOURCE: this.#init.env["KEELSON_SOURCE"],
        PATH: this.#path(),
        MACHINE_PATH: this.#path(),
        MACHINE_ROOT: this.#init.state.root(name),
        MACHINE_NAME: name,
        CGROUP_NAMESPACE: group.isLent ? "yes" : "no",
        UNSHARE: this.#namespaces(group).join(" "),
        SYSTEMD: programs.systemd,
        JOURNALD: programs.journald,
      },
      log: this.#bootLog(name),
      record: this.#processFile(name),
      answers: () => this.isRunning(name),
      limitMs: BOOT_LIMIT_MS,
      clock: this.#init.clock,
    };
  }

  #path(): string {
    return `${dirname(this.#init.program)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  #namespaces(group: MachineGroup): readonly string[] {
    return [
      ...(this.#isRoot ? [] : USER_NAMESPACE),
      ...(group.isLent ? ["--cgroup"] : []),
      "--mount",
      "--uts",
      "--propagation=private",
    ];
  }

  #group(name: string): MachineGroup {
    const groupName = `keelson-${this.#tag}-${name}`;
    const { clock, env } = this.#init;
    return HostScope.isNeeded()
      ? new HostScope(groupName, clock, env)
      : new OwnGroup(groupName, clock);
  }

  async #visitors(name: string): Promise<readonly RunningProcess[]> {
    const running = await this.#running(name);
    if (running === undefined) return []; // before its systemd runs it may still be in the host's namespace
    return visitorsOf(running.pid, await this.#group(name).processes());
  }

  #processFile(name: string): string {
    return `${this.#init.state.root(name)}.process`;
  }

  #bootLog(name: string): string {
    return join(this.#init.state.root(name), "var/log/boot.log");
  }

  /** The machine's systemd, once it answers. */
  async #running(name: string): Promise<RunningProcess | undefined> {
    const booted = await readRunningProcess(this.#processFile(name));
    const answers = existsSync(join(this.#init.state.root(name), "run/systemd/private"));
    return answers && booted !== undefined && (await isAlive(booted)) ? booted : undefined;
  }

  /** @throws {Fault} SYSTEMD_MISSING when this user may not have what a machine needs */
  async #checkNamespaces(): Promise<void> {
    if (this.#isRoot) return;
    await run("unshare", [...USER_NAMESPACE, "--mount", "true"]).catch((cause: unknown) => {
      throw new Fault(
        "SYSTEMD_MISSING",
        `Cannot make machines as this user: user namespaces are not permitted: ${reasonOf(cause).trim()}; permit them (as root: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000, on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or run as root`,
        { cause },
      );
    });
  }

  #systemdPrograms(): SystemdPrograms {
    const directories = this.#init.systemdDirectories ?? ["/usr/lib/systemd", "/lib/systemd"];
    if (!existsSync("/etc/machine-id"))
      throw new Fault(
        "SYSTEMD_MISSING",
        "Cannot make machines: this computer has no /etc/machine-id in whose place theirs could stand; make one (as root: systemd-machine-id-setup)",
      );
    return {
      systemd: findProgram("systemd", directories),
      journald: findProgram("systemd-journald", directories),
    };
  }
}

/** Loopback addresses are everybody's, so that another user's machine may have this one. */
async function checkAddress({ name, address }: Machine): Promise<void> {
  const ports = portsListenedOn(address, await readFile("/proc/net/tcp", "utf8"));
  if (ports.length > 0)
    throw new Fault(
      "ADDRESS_IN_USE",
      `Cannot boot ${name}: something on this computer listens on its address ${address} already (port ${ports.join(", ")}), perhaps a machine of another cluster; \`keelson status --all\` shows yours; choose another network, or end that`,
    );
}

/** One user, root inside, is all that a machine needs: no newuidmap(1). */
const USER_NAMESPACE = ["--user", "--map-root-user"];

interface SystemdPrograms {
  readonly systemd: string;
  readonly journald: string;
}

function findProgram(name: string, directories: readonly string[]): string {
  const found = directories.map((directory) => join(directory, name)).find(existsSync);
  if (found !== undefined) return found;
  throw new Fault(
    "SYSTEMD_MISSING",
    `Cannot make machines: ${name} is not installed on this computer; install Debian's package systemd (as root: apt-get install systemd)`,
  );
}

async function endAll(processes: readonly RunningProcess[]): Promise<void> {
  for (const process of processes) if (await isAlive(process)) killProcess(process.pid);
}
