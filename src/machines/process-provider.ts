import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { BOOT_SCRIPT } from "#machines/boot-script.ts";
import { ControlGroup, systemdHierarchies } from "#machines/control-group.ts";
import { baseTree, STAY_FILE } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";
import { HostScope } from "#machines/host-scope.ts";
import type { HaltOptions, Provider } from "#machines/provider.ts";
import {
  identify,
  isAlive,
  type RunningProcess,
  readRunningProcess,
} from "#machines/running-process.ts";
import type { StateDirectory } from "#machines/state-directory.ts";

const BOOT_LIMIT_MS = 30_000;
const HALT_LIMIT_MS = 120_000; // longer than systemd's own DefaultTimeoutStopSec of 90 s
const POLL_MS = 20;

export interface ProcessProviderInit {
  readonly state: StateDirectory;
  /** Absolute path of `bin/keelson`. */
  readonly program: string;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Machines as private `systemd --user` managers, each in namespaces and a control group of its own: a hostname, a
 * machine id, a journal, units and an address (loopback), in well under a second. As root it needs nothing of the
 * host but systemd's programs; for others the host's systemd lends a control group, and a user namespace the rest.
 */
export class ProcessProvider implements Provider {
  readonly name = "process";
  readonly #init: ProcessProviderInit;
  readonly #isRoot = process.getuid?.() === 0;
  readonly #usesScope = HostScope.isNeeded();
  /** Sets these machines' control groups apart from those of another state directory. */
  readonly #tag: string;

  constructor(init: ProcessProviderInit) {
    this.#init = init;
    this.#tag = createHash("sha256").update(init.state.path).digest("hex").slice(0, 8);
  }

  async boot(machine: Machine, signal: AbortSignal): Promise<void> {
    const { state, program } = this.#init;
    const root = state.root(machine.name);
    const systemd = systemdProgram("systemd");
    const journald = systemdProgram("systemd-journald");
    await this.cutPower(machine.name); // whatever a cut-off boot left
    await layOut(root, machine, program);

    await using bootLog = await open(join(root, "var/log/boot.log"), "w");
    const shell = ["/bin/sh", "-c", BOOT_SCRIPT];
    const [command = "", ...args] = this.#usesScope
      ? this.#scope(machine.name).command(shell)
      : shell;
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", bootLog.fd, bootLog.fd],
      env: {
        ...this.#init.env,
        PATH: this.#path(),
        MACHINE_PATH: this.#path(),
        MACHINE_ROOT: root,
        MACHINE_NAME: machine.name,
        CGROUP_PROCS: this.#usesScope ? "" : (await this.#enterableGroup(machine.name)).join(" "),
        CGROUP_NAMESPACE: this.#usesScope ? "yes" : "no",
        UNSHARE: this.#namespaces().join(" "),
        SYSTEMD: systemd,
        JOURNALD: journald,
      },
    });
    child.unref();
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    failed.catch(() => {}); // awaited only when there is no process
    const booted = child.pid === undefined ? undefined : await identify(child.pid);
    if (booted === undefined) return await failed;
    await writeFileAtomic(this.#processFile(machine.name), JSON.stringify(booted));
    await this.#untilAnswering(machine.name, booted, signal);
  }

  async isRunning(name: string): Promise<boolean> {
    return (await this.#running(name)) !== undefined;
  }

  async halt(name: string, options: HaltOptions, signal: AbortSignal): Promise<void> {
    const { clock, state } = this.#init;
    const running = await this.#running(name);
    if (running !== undefined) {
      if (!options.leave) await writeFileAtomic(join(state.root(name), STAY_FILE), "");
      process.kill(running.pid, "SIGTERM"); // systemd(1): a user manager starts exit.target
      const endMs = clock.monotonicMs() + HALT_LIMIT_MS;
      while ((await isAlive(running)) && clock.monotonicMs() < endMs)
        await clock.sleep(POLL_MS, signal);
    }
    await this.cutPower(name); // the journal's process, and what would not stop
  }

  async cutPower(name: string): Promise<void> {
    await (await this.#group(name)).kill();
    await rm(this.#processFile(name), { force: true });
    await rm(join(this.#init.state.root(name), "run"), { recursive: true, force: true });
  }

  async remove(name: string): Promise<void> {
    await (await this.#group(name)).remove();
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
      ...(this.#usesScope ? ["--cgroup"] : []),
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

  #path(): string {
    return `${dirname(this.#init.program)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  #namespaces(): readonly string[] {
    return [
      ...(this.#isRoot ? [] : ["--user", "--map-root-user"]),
      ...(this.#usesScope ? ["--cgroup"] : []),
      "--mount",
      "--uts",
      "--propagation=private",
    ];
  }

  #groupName(name: string): string {
    return `keelson-${this.#tag}-${name}`;
  }

  #scope(name: string): HostScope {
    return new HostScope(this.#groupName(name), this.#init.env);
  }

  async #group(name: string): Promise<ControlGroup> {
    const hierarchies = await systemdHierarchies();
    if (!this.#usesScope) return new ControlGroup(hierarchies, `${this.#groupName(name)}.slice`);
    const path = await this.#scope(name).path();
    return new ControlGroup(path === undefined ? [] : hierarchies, path ?? "");
  }

  async #enterableGroup(name: string): Promise<readonly string[]> {
    return (await this.#group(name)).create("user@0.service");
  }

  #processFile(name: string): string {
    return `${this.#init.state.root(name)}.process`;
  }

  async #running(name: string): Promise<RunningProcess | undefined> {
    const booted = await readRunningProcess(this.#processFile(name));
    return booted !== undefined && (await isAlive(booted)) ? booted : undefined;
  }

  async #untilAnswering(name: string, booted: RunningProcess, signal: AbortSignal): Promise<void> {
    const { clock, state } = this.#init;
    const endMs = clock.monotonicMs() + BOOT_LIMIT_MS;
    while (!existsSync(join(state.root(name), "run/systemd/private"))) {
      if (!(await isAlive(booted)) || clock.monotonicMs() > endMs) {
        const log = await readFile(join(state.root(name), "var/log/boot.log"), "utf8");
        await this.cutPower(name);
        throw new Fault(
          "SYSTEMD_FAILED",
          `Cannot boot ${name}: its systemd did not come up: ${log.trim() || "it said nothing"}`,
        );
      }
      await clock.sleep(POLL_MS, signal);
    }
  }
}

function systemdProgram(name: string): string {
  const found = [`/usr/lib/systemd/${name}`, `/lib/systemd/${name}`].find(existsSync);
  if (found !== undefined) return found;
  throw new Fault(
    "SYSTEMD_MISSING",
    `Cannot make machines: ${name} is not installed on this computer; install Debian's package systemd (as root: apt-get install systemd)`,
  );
}

async function layOut(root: string, machine: Machine, program: string): Promise<void> {
  for (const directory of ["var/log/journal", "var/lib", "home/core", "etc/systemd/system"])
    await mkdir(join(root, directory), { recursive: true });
  await mkdir(join(root, "run"), { recursive: true, mode: 0o700 });
  for (const { path, content } of baseTree({ machine, root, program }))
    await writeFileAtomic(join(root, path), content);
}
