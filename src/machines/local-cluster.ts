import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { chooseMachines } from "#machines/core/choose-machines.ts";
import { type Cluster, type Machine, settingsOf } from "#machines/core/machine.ts";
import { checkNetwork, freeNetworkAfter } from "#machines/core/network.ts";
import { type ClusterPlan, forgetDisk, planCluster } from "#machines/core/plan-cluster.ts";
import { MachineBoot } from "#machines/machine-boot.ts";
import type { Provider } from "#machines/provider.ts";
import type { StateDirectory } from "#machines/state-directory.ts";
import type { Wish } from "#machines/wish.ts";

export interface LocalClusterInit {
  readonly state: StateDirectory;
  readonly provider: Provider;
  readonly clock: Clock;
  /** Tells a person what happens now: the machine, and a few words. */
  readonly report: (machine: string, what: string) => void;
  /** Other clusters on this computer, so that addresses differ; read when a cluster is made. */
  readonly others?: () => Promise<readonly OtherCluster[]>;
}

export interface OtherCluster {
  /** As a person knows it, such as `project web`. */
  readonly called: string;
  readonly network: string;
}

export interface MachineStatus {
  readonly machine: Machine;
  /** `not created`: it has no disk, perhaps not any more. */
  readonly state: "running" | "halted" | "not created";
  /** Runs with other user-data or settings than it would be booted with now. */
  readonly isOutdated: boolean;
}

/** The machines on this computer: `keelson up`, `status`, `halt` and `destroy`. */
export class LocalCluster {
  readonly #init: LocalClusterInit;
  readonly #boot: MachineBoot;

  constructor(init: LocalClusterInit) {
    this.#init = init;
    this.#boot = new MachineBoot(init.provider, init.clock);
  }

  /**
   * Makes what is missing, switches on what is off, and waits until each has applied its user-data.
   * @param words machines to switch on, by name, group or pattern; none: all that are wanted.
   */
  async up(words: readonly string[], wish: Wish, signal: AbortSignal): Promise<readonly Machine[]> {
    const { state, provider } = this.#init;
    for (const machine of choose(await this.#planned(wish), words)) // before anything is made
      if (!(await provider.isRunning(machine.name))) await provider.check(machine);
    await using _lock = await state.lock();
    const plan = await this.#planned(wish);
    const chosen = choose(plan, words);
    if (provider.manager === "user") state.checkNames(chosen.map(({ name }) => name));
    this.#tell(plan, wish);
    await Promise.all(chosen.map(({ name }) => this.#untilNotStopping(name, signal)));
    const discovery = plan.cluster.discovery ?? (await wish.newDiscovery(signal));
    const prepared = await this.#prepare({ ...plan.cluster, discovery }, chosen, wish);
    const results = await Promise.allSettled(
      prepared.map((preparation) => this.#switchOn(preparation, signal)),
    );
    signal.throwIfAborted();
    this.#throwFirst(chosen, results);
    return chosen;
  }

  /** Tells what would keep machines from booting as wished, while they still run. @throws {Fault} */
  async check(words: readonly string[], wish: Wish): Promise<void> {
    for (const machine of choose(await this.#planned(wish), words))
      await this.#init.provider.check(machine);
  }

  async status(): Promise<readonly MachineStatus[]> {
    const { provider } = this.#init;
    const statuses = (await this.machines([])).map(async (machine): Promise<MachineStatus> => {
      if (await provider.isRunning(machine.name))
        return { machine, state: "running", isOutdated: outdated(machine).length > 0 };
      const state = (await provider.hasUserData(machine.name)) ? "halted" : "not created";
      return { machine, state, isOutdated: false };
    });
    return Promise.all(statuses);
  }

  /** The machines of these names, groups or patterns, or the Fault that says which there are. */
  async machines(words: readonly string[]): Promise<readonly Machine[]> {
    return chooseMachines((await this.#init.state.load())?.machines ?? [], words);
  }

  /** Switches machines off, all without words: in order, or with `force` as a power cut. */
  async halt(words: readonly string[], force: boolean, signal: AbortSignal): Promise<void> {
    const { state, provider, report } = this.#init;
    if ((await this.machines([])).length === 0)
      throw new Fault(
        "MACHINE_NOT_FOUND",
        "Cannot halt machines: there are none; `keelson up` makes some",
      );
    await this.machines(words); // so that a slip is told even while another keelson is at work
    await using _lock = await state.lock();
    const running: Machine[] = [];
    for (const machine of await this.machines(words))
      if (await provider.isRunning(machine.name)) running.push(machine);
      else {
        await provider.cutPower(machine.name, signal); // what a boot that was cut off left
        report(machine.name, "is not running");
      }
    const othersRun = await this.#othersRun(running);
    const results = await Promise.allSettled(
      running.map((machine) =>
        this.#haltOne(machine.name, { force, leave: othersRun || words.length > 0 }, signal),
      ),
    );
    signal.throwIfAborted();
    this.#throwFirst(running, results);
  }

  /** Ends and removes everything, also what a cut-off run or a damaged record left. */
  async destroy(signal: AbortSignal = new AbortController().signal): Promise<void> {
    const { state } = this.#init;
    if (!existsSync(state.path)) return;
    await using _lock = await state.lock();
    for (const name of await this.#allNames()) await this.#destroyOne(name, signal);
    await state.remove();
  }

  /**
   * Ends and removes some machines with their disks. A later `up` makes them anew, unless they are not wanted any more.
   * @param wanted names of all machines that there shall be; undefined: those there are.
   */
  async destroySome(
    words: readonly string[],
    options: { readonly force: boolean; readonly wanted: readonly string[] | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { state, provider } = this.#init;
    await this.machines(words);
    await using _lock = await state.lock();
    const cluster = await state.load();
    if (cluster === undefined) return;
    const gone = chooseMachines(cluster.machines, words);
    const isGone = new Set(gone.map(({ name }) => name));
    for (const { name } of gone) {
      const leave = await this.#othersRun(gone);
      if (!options.force && leave && (await provider.isRunning(name)))
        await this.#haltOne(name, { force: false, leave }, signal);
      await this.#destroyOne(name, signal);
    }
    const machines = cluster.machines.flatMap((machine) => {
      if (!isGone.has(machine.name)) return [machine];
      return options.wanted?.includes(machine.name) === false
        ? []
        : [forgetDisk(machine, cluster, randomHex)];
    });
    await state.save({ ...cluster, machines });
  }

  /** Every machine named by the record or by a directory, also when the record cannot be read. */
  async #allNames(): Promise<readonly string[]> {
    const { state } = this.#init;
    const recorded = await state.load().catch(() => undefined);
    const names = [
      ...(await state.machineNames()),
      ...(recorded?.machines ?? []).map((m) => m.name),
    ];
    return [...new Set(names)].toSorted();
  }

  async #destroyOne(name: string, signal: AbortSignal): Promise<void> {
    const { provider, report } = this.#init;
    await provider.cutPower(name, signal);
    await provider.remove(name);
    report(name, "destroyed");
  }

  async #haltOne(
    name: string,
    { force, leave }: { readonly force: boolean; readonly leave: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const { provider, report } = this.#init;
    report(name, force ? "cutting its power" : "shutting down");
    if (force) await provider.cutPower(name, signal);
    else if (await this.#boot.isStopping(name, signal)) await this.#boot.untilOff(name, signal);
    else await provider.halt(name, { leave }, signal);
    report(name, "halted");
  }

  async #othersRun(machines: readonly Machine[]): Promise<boolean> {
    const names = new Set(machines.map(({ name }) => name));
    const others = (await this.machines([])).filter(({ name }) => !names.has(name));
    const running = await Promise.all(
      others.map(({ name }) => this.#init.provider.isRunning(name)),
    );
    return running.includes(true);
  }

  /** The cluster as it shall be; nothing is made yet. */
  async #planned(wish: Wish): Promise<ClusterPlan> {
    const { state, provider } = this.#init;
    const made = await state.load();
    if (made !== undefined && wish.network !== undefined && wish.network !== made.network)
      throw new Fault(
        "USAGE",
        `Cannot use network ${wish.network}: the machines there are have ${made.network}; \`keelson destroy\` them first, or leave ${wish.project === undefined ? "--network" : "`network:`"} as it was`,
      );
    const wanted = wish.machines(made);
    const cluster = made ?? {
      provider: provider.name,
      network: await this.#newNetwork(wish.network),
      idPrefix: randomHex(6),
      servers: [],
      machines: [],
    };
    return planCluster({ ...cluster, project: wish.project }, wanted, randomHex);
  }

  /** @throws {Fault} ADDRESS_IN_USE when another cluster has the one wanted. */
  async #newNetwork(wanted: string | undefined): Promise<string> {
    const { provider } = this.#init;
    const others = (await this.#init.others?.()) ?? [];
    if (wanted === undefined)
      return freeNetworkAfter(
        await provider.defaultNetwork(),
        others.map(({ network }) => network),
      );
    checkNetwork(wanted, provider.name);
    const holder = others.find(({ network }) => network === wanted);
    if (holder === undefined) return wanted;
    throw new Fault(
      "ADDRESS_IN_USE",
      `Cannot use network ${wanted}: the machines of ${holder.called} have its addresses; choose another one, leave it out, or \`keelson destroy\` those where they were made`,
    );
  }

  /** Writes user-data and the record: what each of these machines is booted with. */
  async #prepare(
    cluster: Cluster,
    chosen: readonly Machine[],
    wish: Wish,
  ): Promise<readonly Preparation[]> {
    const { state, provider } = this.#init;
    await state.save(cluster);
    const preparations = await Promise.all(
      chosen.map(async (machine): Promise<Preparation> => {
        const { name } = machine;
        const userData = wish.userData(name, cluster);
        const isRunning = await provider.isRunning(name);
        let { userData: kept } = machine;
        if (userData?.replaces || (userData && !(await provider.hasUserData(name)))) {
          if (kept !== digestOf(userData.text) || !(await provider.hasUserData(name)))
            await provider.writeUserData(name, userData.text);
          kept = digestOf(userData.text);
        }
        const booted = isRunning
          ? machine.booted
          : { userData: kept, settings: digestOf(settingsOf(machine)) };
        return { machine: { ...machine, userData: kept, booted }, isRunning };
      }),
    );
    const byName = new Map(preparations.map(({ machine }) => [machine.name, machine]));
    const machines = cluster.machines.map((machine) => byName.get(machine.name) ?? machine);
    await state.save({ ...cluster, machines });
    return preparations;
  }

  async #switchOn({ machine, isRunning }: Preparation, signal: AbortSignal): Promise<void> {
    const { provider, report, clock } = this.#init;
    const { name } = machine;
    const sinceMs = clock.now().getTime();
    if (isRunning) await this.#resume(machine, signal);
    else {
      report(name, `booting (${provider.name}, ${machine.address})`);
      await provider.boot(machine, signal);
      report(name, "applying its user-data");
    }
    await this.#boot.untilConfigured(name, sinceMs, signal);
    report(name, "ready");
  }

  /** A halt that was interrupted goes on in the machine. */
  async #untilNotStopping(name: string, signal: AbortSignal): Promise<void> {
    const { provider, report } = this.#init;
    if (!(await provider.isRunning(name)) || !(await this.#boot.isStopping(name, signal))) return;
    report(name, "is still shutting down");
    await this.#boot.untilOff(name, signal);
  }

  /** Goes on with a machine that runs: perhaps an `up` was interrupted, or its user-data could not be applied. */
  async #resume(machine: Machine, signal: AbortSignal): Promise<void> {
    const { report } = this.#init;
    const { name } = machine;
    const changed = outdated(machine).join(" and ");
    report(
      name,
      changed === ""
        ? "is already running"
        : `is already running; \`keelson reload ${name}\` boots it with the new ${changed}`,
    );
    if (!(await this.#boot.hasFailed(name, signal))) return;
    report(name, "applying its user-data again");
    await this.#boot.configureAgain(name, signal);
  }

  #tell({ surplus, elsewhere, cluster }: ClusterPlan, { warnings }: Wish): void {
    const { report } = this.#init;
    for (const warning of warnings) report("user-data", warning);
    const idle = equipmentGiven(cluster.machines).join(", ");
    if (this.#init.provider.manager === "user" && idle !== "")
      report(
        "project",
        `${idle}: without effect, as machines of the process provider share this computer's; \`provider: container\` gives them their own`,
      );
    for (const { name } of surplus)
      report(name, `is not in ${cluster.project} any more; \`keelson destroy ${name}\` removes it`);
    for (const { name, address } of elsewhere)
      report(name, `keeps its address ${address}; destroy it for another one`);
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
}

interface Preparation {
  readonly machine: Machine;
  readonly isRunning: boolean;
}

/** Machines that are not wanted any more are only switched on by name. */
function choose({ cluster, surplus }: ClusterPlan, words: readonly string[]): readonly Machine[] {
  return words.length > 0
    ? chooseMachines(cluster.machines, words)
    : cluster.machines.filter((machine) => !surplus.includes(machine));
}

/** Keys of the project file by which machines get what only machines of their own kind of disk can have. */
function equipmentGiven(machines: readonly Machine[]): readonly string[] {
  const given = machines.flatMap(({ equipment }) => {
    const { folders, memoryBytes, cpus, channel, packages = [], internet } = equipment;
    return [
      ...(folders.length > 0 ? ["folders"] : []),
      ...(memoryBytes === undefined ? [] : ["memory"]),
      ...(cpus === undefined ? [] : ["cpus"]),
      ...(channel === undefined ? [] : ["channel"]),
      ...(packages.length > 0 ? ["packages"] : []),
      ...(internet === true ? ["internet"] : []),
    ];
  });
  return [...new Set(given)];
}

/** What of a machine that runs is not what it would be booted with now. */
function outdated({ booted, userData, metadata, equipment, ...rest }: Machine): readonly string[] {
  if (booted === undefined) return []; // made before this was remembered
  const settings = digestOf(settingsOf({ ...rest, metadata, equipment }));
  return [
    ...(booted.userData === userData ? [] : ["user-data"]),
    ...(booted.settings === settings ? [] : ["settings"]),
  ];
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function randomHex(digits: number): string {
  return randomBytes(Math.ceil(digits / 2))
    .toString("hex")
    .slice(0, digits);
}
