import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { ContainerBase } from "#machines/container-base.ts";
import { CONTAINER_BOOT_SCRIPT } from "#machines/container-boot-script.ts";
import { ContainerBridge } from "#machines/container-bridge.ts";
import { ContainerDisk } from "#machines/container-disk.ts";
import { containerGroup } from "#machines/container-group.ts";
import { nameservers } from "#machines/container-internet.ts";
import { ensureHostKey, ensureKeyPair } from "#machines/container-keys.ts";
import { leaderOf } from "#machines/container-leader.ts";
import { checkFolders, nspawnOptions } from "#machines/container-options.ts";
import { healLinks, severLink } from "#machines/container-partition.ts";
import { checkContainerTools, keepPrivate, toolPath } from "#machines/container-tools.ts";
import { killProcess } from "#machines/control-group.ts";
import { STAY_FILE, USER_DATA } from "#machines/core/base-tree.ts";
import {
  bridgeName,
  containerName,
  networkOf,
  portName,
} from "#machines/core/container-network.ts";
import { type Equipment, type Machine, PLAIN_EQUIPMENT } from "#machines/core/machine.ts";
import { bootFirstProcess, type FirstProcess } from "#machines/first-process.ts";
import type { MachineGroup } from "#machines/machine-group.ts";
import type { HaltOptions, MachineLogs, Provider, SshAccess } from "#machines/provider.ts";
import { isAlive, readRunningProcess } from "#machines/running-process.ts";
import type { StateDirectory } from "#machines/state-directory.ts";
import { writeInside } from "#machines/write-inside.ts";

const BOOT_LIMIT_MS = 120_000; // a start of Debian's systemd takes a second or two; this is for a busy computer
const HALT_LIMIT_MS = 120_000; // longer than systemd's own DefaultTimeoutStopSec of 90 s
const POLL_MS = 20;
const CACHE = "/var/cache/keelson";

export interface ContainerProviderInit {
  readonly state: StateDirectory;
  /** Absolute path of `bin/keelson`; containers see its installation read-only. */
  readonly program: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tells a person what takes its time, such as making the base tree. */
  readonly report: (what: string) => void;
  /** Where base trees are kept; default /var/cache/keelson. */
  readonly cache?: string;
}

/**
 * Machines as containers of systemd-nspawn(1): systemd as process 1, a disk, users and an address of their own on a
 * bridge that this computer is on too, sshd. Needs root.
 */
export class ContainerProvider implements Provider {
  readonly name = "container";
  readonly manager = "system";
  readonly #init: ContainerProviderInit;
  readonly #path: string;
  /** Sets these machines apart from those of another state directory. */
  readonly #tag: string;
  readonly #bridge: ContainerBridge;
  readonly #base: ContainerBase;
  readonly #booting = new Set<string>();
  #clusterKey: Promise<string> | undefined;

  constructor(init: ContainerProviderInit) {
    this.#init = init;
    this.#path = toolPath(init.env);
    this.#tag = init.state.tag;
    this.#bridge = new ContainerBridge({
      bridge: bridgeName(this.#tag),
      path: this.#path,
      report: init.report,
    });
    this.#base = new ContainerBase({
      directory: init.cache ?? CACHE,
      env: { ...init.env, PATH: this.#path },
      report: init.report,
    });
  }

  async defaultNetwork(): Promise<string> {
    checkContainerTools(this.#path);
    return this.#bridge.freeNetwork(Number.parseInt(this.#tag, 16));
  }

  async hasUserData(name: string): Promise<boolean> {
    return existsSync(this.#disk(name).userData);
  }

  async writeUserData(name: string, text: string): Promise<void> {
    // What lies below its mounted disk may not change meanwhile.
    if (await this.isRunning(name))
      return writeInside(await this.commandIn(name, []), `/${USER_DATA}`, text);
    await keepPrivate(this.#init.state.machines);
    await this.#disk(name).writeUserData(text);
  }

  async check(machine: Machine): Promise<void> {
    checkContainerTools(this.#path);
    await checkFolders(machine);
    await this.#bridge.check(networkOf(machine.address));
  }

  async boot(machine: Machine, signal: AbortSignal): Promise<void> {
    const { name } = machine;
    await this.check(machine);
    await this.cutPower(name, signal); // whatever a cut-off boot left
    this.#booting.add(name);
    try {
      await this.#prepare(machine);
      const tree = await this.#base.tree(
        machine.equipment.packages ?? [],
        this.#init.state.root(name),
        signal,
      );
      await this.#bridge.open(networkOf(machine.address), machine.equipment.internet === true);
      await this.#plugIn(machine);
      await bootFirstProcess(await this.#firstProcess(machine, tree), signal);
    } catch (error) {
      this.#booting.delete(name);
      await this.cutPower(name, new AbortController().signal); // the reason may be that `signal` aborted
      throw error;
    }
    this.#booting.delete(name);
    await healLinks(await this.#runningLeaders(), [machine.address]);
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.#running(name)) !== undefined;
  }

  async halt(name: string, options: HaltOptions, signal: AbortSignal): Promise<void> {
    const { clock } = this.#init;
    const leader = await this.#running(name);
    const nspawn = await readRunningProcess(this.#disk(name).process);
    if (leader !== undefined && nspawn !== undefined) {
      if (!options.leave) await writeInside(await this.commandIn(name, []), `/${STAY_FILE}`, "");
      killProcess(nspawn.pid, "SIGTERM"); // systemd-nspawn(1): asks process 1 to shut down in order
      const endMs = clock.monotonicMs() + HALT_LIMIT_MS;
      while ((await isAlive(nspawn)) && clock.monotonicMs() < endMs)
        await clock.sleep(POLL_MS, signal);
    }
    await this.cutPower(name, signal); // what would not stop
  }

  async cutPower(name: string, signal: AbortSignal): Promise<void> {
    const disk = this.#disk(name);
    const port = await readFile(disk.link, "utf8").catch(() => undefined);
    if (port !== undefined) await this.#bridge.unplug(port); // first: processes that end take leave of their peers
    const nspawn = await readRunningProcess(disk.process);
    // Cut off early it may not have entered its group yet.
    if (nspawn !== undefined && (await isAlive(nspawn))) killProcess(nspawn.pid);
    while (nspawn !== undefined && (await isAlive(nspawn)))
      await this.#init.clock.sleep(POLL_MS, signal);
    await this.#group(name).kill(signal);
    await rm(disk.process, { force: true });
    await this.#bridge.closeUnless(() => this.#isAnyOn());
  }

  async remove(name: string): Promise<void> {
    await this.#group(name).remove();
    await rm(this.#init.state.root(name), { recursive: true, force: true });
  }

  async commandIn(name: string, argv: readonly string[]): Promise<readonly string[]> {
    const leader = await this.#running(name);
    if (leader === undefined)
      throw new Fault(
        "MACHINE_NOT_FOUND",
        `Cannot run a command on ${name}: it is halted; start it with \`keelson up ${name}\``,
      );
    const { TERM: term = "dumb" } = this.#init.env;
    const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
    const environment = [`TERM=${term}`, "HOME=/root", "USER=root", `PATH=${PATH_INSIDE}`];
    return ["nsenter", `--target=${leader}`, ...namespaces, "env", "-i", ...environment, ...argv];
  }

  logs(name: string): MachineLogs {
    const { console, journal } = this.#disk(name);
    return { console, journal };
  }

  async sshAccess({ name, address }: Machine): Promise<SshAccess> {
    return {
      user: "core",
      host: address,
      port: 22,
      identityFile: this.#identityFile(),
      knownHostsFile: this.#disk(name).knownHosts,
    };
  }

  async partition(a: Machine, b: Machine): Promise<void> {
    const [leaderA, leaderB] = [await this.#leader(a.name), await this.#leader(b.name)];
    await severLink(leaderA, b.address);
    await severLink(leaderB, a.address);
  }

  async heal(machines: readonly Machine[]): Promise<void> {
    const names = new Set(machines.map((machine) => machine.name));
    const leaders = await this.#runningLeaders();
    await healLinks(
      leaders.filter(({ name }) => names.has(name)),
      machines.map((machine) => machine.address),
    );
  }

  #disk(name: string): ContainerDisk {
    return new ContainerDisk(this.#init.state.root(name));
  }

  /** Beside the machines' directories, and removed with them. */
  #identityFile(): string {
    return join(this.#init.state.machines, "id_ed25519");
  }

  /** What belongs on its disk. */
  async #prepare(machine: Machine): Promise<void> {
    await keepPrivate(this.#init.state.machines);
    this.#clusterKey ??= ensureKeyPair(this.#identityFile(), "keelson", this.#path);
    const publicKey = await this.#clusterKey;
    const { KEELSON_SOURCE: source } = this.#init.env;
    const environment: Record<string, string> = source ? { KEELSON_SOURCE: source } : {};
    const disk = this.#disk(machine.name);
    const mayRaiseLimits = await hasCapability(CAP_SYS_RESOURCE);
    const asked = machine.equipment.internet === true ? await nameservers() : [];
    await disk.layOut({ machine, publicKey, environment, mayRaiseLimits, nameservers: asked });
    await ensureHostKey(disk, machine, this.#path);
  }

  /** Notes its link, for when its power is cut, and takes away one that is there from before. */
  async #plugIn({ name, number }: Machine): Promise<void> {
    const port = portName(containerName(this.#tag, number));
    await writeFileAtomic(this.#disk(name).link, port);
    await this.#bridge.unplug(port);
  }

  /** systemd-nspawn. */
  async #firstProcess(machine: Machine, tree: string): Promise<FirstProcess> {
    const disk = this.#disk(machine.name);
    const options = nspawnOptions({
      machine,
      tag: this.#tag,
      bridge: this.#bridge.name,
      root: disk.root,
      installation: dirname(dirname(this.#init.program)),
      volumes: disk.volumes,
    });
    const script = ["/bin/sh", "-c", CONTAINER_BOOT_SCRIPT, "sh", ...options];
    return {
      name: machine.name,
      argv: await this.#group(machine.name, machine.equipment).command(script),
      env: {
        PATH: this.#path,
        TREE: tree,
        UPPER: disk.upper,
        WORK: disk.work,
        ROOT: disk.root,
        SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", // as computers have it today, also where this one has the mixed layout
      },
      log: disk.console,
      record: disk.process,
      answers: () => this.isRunning(machine.name),
      limitMs: BOOT_LIMIT_MS,
      clock: this.#init.clock,
    };
  }

  #group(name: string, equipment: Equipment = PLAIN_EQUIPMENT): MachineGroup {
    const { clock, env } = this.#init;
    return containerGroup(`keelson-${this.#tag}-${name}`, equipment, clock, env);
  }

  /** The machine's process 1, as this computer numbers it, once it answers. */
  async #running(name: string): Promise<number | undefined> {
    const booted = await readRunningProcess(this.#disk(name).process);
    if (booted === undefined || !(await isAlive(booted))) return undefined;
    const leader = await leaderOf(booted.pid);
    if (leader === undefined) return undefined;
    return existsSync(`/proc/${leader}/root/run/systemd/private`) ? leader : undefined;
  }

  /** @throws {Fault} MACHINE_NOT_FOUND */
  async #leader(name: string): Promise<number> {
    const leader = await this.#running(name);
    if (leader !== undefined) return leader;
    throw new Fault(
      "MACHINE_NOT_FOUND",
      `Cannot part ${name} from others: it is halted; start it with \`keelson up ${name}\``,
    );
  }

  async #runningLeaders(): Promise<readonly { name: string; leader: number }[]> {
    const names = await this.#init.state.machineNames();
    const found = names.map(async (name) => ({ name, leader: await this.#running(name) }));
    return (await Promise.all(found)).flatMap(({ name, leader }) =>
      leader === undefined ? [] : [{ name, leader }],
    );
  }

  /** Whether a machine of the cluster boots, runs or shuts down. */
  async #isAnyOn(): Promise<boolean> {
    if (this.#booting.size > 0) return true;
    for (const name of await this.#init.state.machineNames()) {
      const nspawn = await readRunningProcess(this.#disk(name).process);
      if (nspawn !== undefined && (await isAlive(nspawn))) return true;
    }
    return false;
  }
}

const CAP_SYS_RESOURCE = 24; // linux/capability.h

/** Of this process and what it starts. */
async function hasCapability(number: number): Promise<boolean> {
  const status = await readFile("/proc/self/status", "utf8");
  const [, mask = "0"] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(number)) & 1n) === 1n;
}

const PATH_INSIDE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
