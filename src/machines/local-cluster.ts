import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { exampleFacts, loadCloudConfig } from "#cloudconfig/load-cloud-config.ts";
import {
  type Cluster,
  chooseMachines,
  growCluster,
  type Machine,
  machineName,
  parseMetadata,
} from "#machines/core/machine.ts";
import type { Provider } from "#machines/provider.ts";
import type { StateDirectory } from "#machines/state-directory.ts";

const run = promisify(execFile);

const CLOUDINIT = "coreos-cloudinit.service";
const CONFIGURED_LIMIT_MS = 120_000;
const POLL_MS = 50;

export interface LocalClusterInit {
  readonly state: StateDirectory;
  readonly provider: Provider;
  readonly clock: Clock;
  /** Tells a person what happens now: the machine, and a few words. */
  readonly report: (machine: string, what: string) => void;
}

export interface UpOptions {
  /** Machines to switch on; none: all. */
  readonly names: readonly string[];
  /** How many there shall be; without it as many as there are, or three. */
  readonly count: number | undefined;
  /** How many machines hold the store, when it is a new cluster; default one. */
  readonly servers: number | undefined;
  /** A file with a cloud-config; kept for later boots. Without it the one kept, or `defaultUserData`. */
  readonly userData: string | undefined;
  /** The text of a cloud-config for such a cluster. */
  readonly defaultUserData: (cluster: Cluster) => string;
  /** `KEY=VALUE` or `MACHINE:KEY=VALUE`, for machines that are made now. */
  readonly metadata: readonly string[];
  /** First three bytes of the machines' addresses, for a cluster that is made now. */
  readonly network: string | undefined;
}

export interface MachineStatus {
  readonly machine: Machine;
  readonly running: boolean;
}

/** The machines on this computer: `keelson up`, `status`, `halt` and `destroy`. */
export class LocalCluster {
  readonly #init: LocalClusterInit;

  constructor(init: LocalClusterInit) {
    this.#init = init;
  }

  /** Makes what is missing, switches on what is off, and waits until each has applied its user-data. */
  async up(options: UpOptions, signal: AbortSignal): Promise<readonly Machine[]> {
    const { state, provider, report } = this.#init;
    const userData =
      options.userData === undefined ? undefined : await readUserData(options.userData);
    if (userData !== undefined)
      loadCloudConfig(userData, options.userData ?? "", exampleFacts({ metadata: {} }));
    chooseMachines(await this.#grown(options), options.names); // before anything is made
    await using _lock = await state.lock();
    const cluster = await this.#grown(options);
    const chosen = chooseMachines(cluster, options.names);
    const fallback = userData ?? options.defaultUserData(cluster);
    await state.save(cluster);
    const results = await Promise.allSettled(
      chosen.map(async (machine) => {
        if (userData !== undefined || !(await provider.hasUserData(machine.name)))
          await provider.writeUserData(machine.name, fallback);
        const sinceMs = this.#init.clock.now().getTime();
        if (await provider.isRunning(machine.name))
          await this.#resume(machine.name, userData !== undefined, signal);
        else {
          report(machine.name, `booting (${provider.name}, ${machine.address})`);
          await provider.boot(machine, signal);
          report(machine.name, "applying its user-data");
        }
        await this.#untilConfigured(machine.name, sinceMs, signal);
        report(machine.name, "ready");
      }),
    );
    signal.throwIfAborted();
    this.#throwFirst(chosen, results);
    return chosen;
  }

  async status(): Promise<readonly MachineStatus[]> {
    const cluster = await this.#init.state.load();
    const statuses = (cluster?.machines ?? []).map(async (machine) => ({
      machine,
      running: await this.#init.provider.isRunning(machine.name),
    }));
    return Promise.all(statuses);
  }

  /** The machine of that name, or the Fault that says which there are. */
  async machine(name: string): Promise<Machine> {
    const [machine] = chooseMachines(await this.#loaded(), [name]);
    if (machine === undefined) throw new Error("a chosen machine is missing");
    return machine;
  }

  /** Switches machines off, all without names: in order, or with `force` as a power cut. */
  async halt(names: readonly string[], force: boolean, signal: AbortSignal): Promise<void> {
    const { state, provider, report } = this.#init;
    if ((await this.#loaded()).machines.length === 0)
      throw new Fault("MACHINE_NOT_FOUND", "Cannot halt machines: there are none");
    await using _lock = await state.lock();
    const running: Machine[] = [];
    for (const machine of chooseMachines(await this.#loaded(), names))
      if (await provider.isRunning(machine.name)) running.push(machine);
      else {
        await provider.cutPower(machine.name, signal); // what a boot that was cut off left
        report(machine.name, "is not running");
      }
    const othersRun = (await this.status()).some(
      (status) => status.running && !running.includes(status.machine),
    );
    const haltOne = async ({ name }: Machine) => {
      report(name, force ? "cutting its power" : "shutting down");
      if (force) await provider.cutPower(name, signal);
      else await provider.halt(name, { leave: othersRun || names.length > 0 }, signal);
      report(name, "halted");
    };
    const results = await Promise.allSettled(running.map(haltOne));
    signal.throwIfAborted();
    this.#throwFirst(running, results);
  }

  /** Ends and removes everything, also what a cut-off run or a damaged record left. */
  async destroy(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { state, provider, report } = this.#init;
    if (!existsSync(state.path)) return;
    await using _lock = await state.lock();
    for (const name of await state.machineNames()) {
      await provider.cutPower(name, signal);
      await provider.remove(name);
      report(name, "destroyed");
    }
    await state.remove();
  }

  async #loaded(): Promise<Cluster> {
    return (
      (await this.#init.state.load()) ?? { network: "", idPrefix: "", servers: 1, machines: [] }
    );
  }

  async #grown(options: UpOptions): Promise<Cluster> {
    const cluster = (await this.#init.state.load()) ?? {
      network: options.network ?? (await this.#init.provider.defaultNetwork()),
      idPrefix: randomHex(6),
      servers: options.servers ?? 1,
      machines: [],
    };
    const count = options.count ?? (cluster.machines.length || Math.max(3, cluster.servers));
    checkServers(cluster, options, count);
    if (count < cluster.machines.length)
      throw new Fault(
        "USAGE",
        `Cannot make ${count} machines of ${cluster.machines.length}: a cluster here only grows; \`keelson halt NAME\` switches a machine off, \`keelson destroy\` removes all`,
      );
    if (options.network !== undefined && options.network !== cluster.network)
      throw new Fault(
        "USAGE",
        `Cannot use network ${options.network}: the machines there are have ${cluster.network}; \`keelson destroy\` them first, or leave --network out`,
      );
    if (options.metadata.length > 0 && count === cluster.machines.length)
      throw new Fault(
        "USAGE",
        "Cannot use --metadata: it is for machines that are made now, and all there shall be are made; --machines N adds more",
      );
    const names = Array.from({ length: count }, (_, at) => machineName(at + 1));
    return growCluster(cluster, count, parseMetadata(options.metadata, names), randomHex);
  }

  /** Goes on with a machine that runs: perhaps an `up` was interrupted, or its user-data could not be applied. */
  async #resume(name: string, hasNewUserData: boolean, signal: AbortSignal): Promise<void> {
    const { report } = this.#init;
    report(
      name,
      `is already running${hasNewUserData ? "; the new user-data is for its next boot" : ""}`,
    );
    const [, cloudinit] = await this.#activeStates(name, signal);
    if (cloudinit !== "failed") return;
    report(name, "applying its user-data again");
    await this.#runIn(name, ["systemctl", "--user", "--no-block", "restart", CLOUDINIT], signal);
    await this.#init.clock.sleep(POLL_MS, signal); // until the new attempt replaces the failed one
  }

  /** multi-user.target comes after the unit that applies the user-data, and that one after the units it starts. */
  async #untilConfigured(name: string, sinceMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#init;
    const endMs = clock.monotonicMs() + CONFIGURED_LIMIT_MS;
    for (;;) {
      const [target, cloudinit] = await this.#activeStates(name, signal);
      if (cloudinit === "failed") throw await this.#configurationFailure(name, sinceMs, signal);
      if (target === "active" && cloudinit !== "activating") return;
      if (clock.monotonicMs() > endMs)
        throw new Fault(
          "TIMED_OUT",
          `Cannot wait longer for ${name}: its user-data was not applied in ${CONFIGURED_LIMIT_MS / 1000} s; look with \`keelson shell ${name} -- systemctl --user list-jobs\``,
        );
      await clock.sleep(POLL_MS, signal);
    }
  }

  async #activeStates(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const units = ["multi-user.target", CLOUDINIT];
    const query = ["systemctl", "--user", "show", "--property=ActiveState", "--value", ...units];
    const { stdout } = await this.#runIn(name, query, signal);
    return stdout.split("\n").filter(Boolean);
  }

  async #configurationFailure(name: string, sinceMs: number, signal: AbortSignal): Promise<Fault> {
    const units = [CLOUDINIT, "etcd2.service", "fleet.service"].map((u) => `--user-unit=${u}`);
    const since = `--since=@${Math.floor(sinceMs / 1000)}`;
    const query = ["journalctl", "--no-pager", "--output=cat", since, ...units];
    const { stdout } = await this.#runIn(name, query, signal);
    return new Fault(
      "CLOUD_CONFIG_INVALID",
      `Cannot configure ${name} from its user-data; its journal says:\n${tellingLines(stdout).join("\n")}\nThe machine runs on for a look (\`keelson shell ${name}\`); mend the cause, then \`keelson up ${name}\``,
    );
  }

  /** The first failure is the command's; the others are told at least. */
  #throwFirst(
    machines: readonly Machine[],
    results: readonly PromiseSettledResult<unknown>[],
  ): void {
    const failures = results.flatMap((result, at) =>
      result.status === "rejected"
        ? [{ name: machines[at]?.name ?? "", reason: result.reason }]
        : [],
    );
    const [first] = failures;
    for (const { name, reason } of failures.slice(1)) this.#init.report(name, reasonOf(reason));
    if (first !== undefined) throw first.reason;
  }

  async #runIn(name: string, argv: readonly string[], signal: AbortSignal) {
    const [command = "", ...args] = await this.#init.provider.commandIn(name, argv);
    try {
      return await run(command, args, { signal });
    } catch (cause) {
      signal.throwIfAborted();
      throw new Fault("SYSTEMD_FAILED", `Cannot ask ${name} for its state: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }
}

/** @throws {Fault} USAGE when there cannot be as many servers as asked for. */
function checkServers(cluster: Cluster, { servers, userData }: UpOptions, count: number): void {
  if (servers === undefined) return;
  if (userData !== undefined)
    throw new Fault(
      "USAGE",
      "Cannot use --servers beside --user-data: the file's initial-cluster says which machines hold the store",
    );
  if (servers < 1 || servers > count)
    throw new Fault(
      "USAGE",
      `Cannot have ${servers} servers among ${count} machines: choose 1 to ${count}, best an odd number`,
    );
  if (servers !== cluster.servers)
    throw new Fault(
      "USAGE",
      `Cannot have ${servers} servers: the machines there are were made with ${cluster.servers}; \`keelson destroy\` them first, or leave --servers out`,
    );
}

/** @throws {Fault} FILE_UNREADABLE */
export async function readUserData(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Fault("FILE_UNREADABLE", `Cannot read user-data ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** What daemons said as they failed, each once; else the last lines. */
function tellingLines(journal: string): readonly string[] {
  const lines = journal.trim().split("\n");
  const faults = [...new Set(lines.filter((line) => /^[a-z0-9-]+: Cannot /.test(line)))];
  return (faults.length > 0 ? faults : lines.slice(-12)).map((line) => `  ${line}`);
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString("hex")
    .slice(0, digits);
}
