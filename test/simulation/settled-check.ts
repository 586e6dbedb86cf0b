import { ClusterModel } from "#fleet/core/cluster-model.ts";
import { explain } from "#fleet/core/explain.ts";
import type { MachineId } from "#fleet/core/machine-id.ts";
import type { FleetMachine } from "#fleet/fleet-machine.ts";
import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import type { Mirror } from "#keys/mirror.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { FitOracle } from "./fit-oracle.ts";
import { hashOn } from "./hash-on.ts";
import type { JobThen, RegistryHistory } from "./registry-history.ts";
import { isTemplate, runsForEver, type UnitSpec } from "./unit-spec.ts";
import type { WatchCheck } from "./watch-check.ts";

export interface Settled {
  readonly cluster: SimulatedCluster;
  readonly history: RegistryHistory;
  readonly oracle: FitOracle;
  readonly watches: readonly WatchCheck[];
  /** The index at the last look: what came later may still be on its way to those who watch. */
  readonly indexBefore: number;
  readonly mirrors: readonly Mirror[];
  /** Whether this unit's process ended by itself, or was made to, since it was last started there. */
  readonly hasEnded: (machine: SimulatedMachine, unit: string, spec: UnitSpec) => boolean;
}

/** What is not yet as it has to be when nothing disturbs the cluster any more. */
export function unsettled(around: Settled): string[] {
  const { cluster } = around;
  const { server } = cluster.store;
  if (server === undefined || server.writeFault !== undefined) return ["the store is down"];
  for (const look of [
    unfinished,
    unreadyMachines,
    misplacedUnits,
    strayUnits,
    wrongReports,
    staleViews,
  ]) {
    const problems = look(around);
    if (problems.length > 0) return problems;
  }
  return [];
}

/** No text is on its way any more. */
function unfinished({ history }: Settled): string[] {
  return history.rollingOut(history.ledger.index).map((unit) => `a text rolls out over ${unit}`);
}

function unreadyMachines({ cluster, history }: Settled): string[] {
  const { index } = history.ledger;
  const problems: string[] = [];
  const leaders: SimulatedMachine[] = [];
  for (const machine of cluster.machines) {
    const { name, id, daemon } = machine;
    if (daemon?.isRegistered !== true) problems.push(`${name} is not registered`);
    if (!history.isPresent(id, index)) problems.push(`${name} is not on record`);
    if (history.isLeaving(id, index)) problems.push(`${name} is on record as leaving`);
    if (daemon?.leads === true) leaders.push(machine);
  }
  const lease = history.ledger.value(cluster.at.lease, index) ?? "nobody";
  if (leaders.length !== 1 || !lease.includes(leaders[0]!.id))
    problems.push(`${leaders.map(({ name }) => name).join(" and ") || "nobody"} leads; ${lease}`);
  return problems;
}

/** Every view that claims to follow shows the store as it is. */
function staleViews({ cluster, history, mirrors, watches, indexBefore }: Settled): string[] {
  const { ledger } = history;
  const { prefix } = cluster.at;
  const keys = [...ledger.live].filter((key) => key.startsWith(`${prefix}/`)).sort();
  const truth = new ClusterModel(cluster.at);
  for (const key of keys) {
    const { index, value = "" } = ledger.at(key, ledger.index)!;
    truth.apply({ key, after: { value, modifiedIndex: index }, by: undefined });
  }
  const expected = describeModel(truth);
  const problems: string[] = [];
  for (const { name, daemon } of cluster.machines) {
    if (daemon?.feed.isFollowing !== true) problems.push(`${name} does not follow the store`);
    else {
      const seen = describeModel(daemon.feed.model);
      if (seen !== expected) problems.push(`${name} sees ${difference(seen, expected)}`);
    }
  }
  for (const [at, mirror] of mirrors.entries()) {
    const seen = mirror.entries().map(({ key, value }) => `${key}=${value}`);
    const want = keys.map((key) => `${key}=${ledger.value(key, ledger.index)}`);
    if (mirror.state.state !== "following") problems.push(`mirror ${at} does not follow`);
    else if (seen.toSorted().join("\n") !== want.toSorted().join("\n"))
      problems.push(`mirror ${at} has ${difference(seen.join("\n"), want.join("\n"))}`);
  }
  for (const [at, watch] of watches.entries())
    if ((watch.missing ?? Number.POSITIVE_INFINITY) <= indexBefore)
      problems.push(`watch ${at} was not told of ${watch.missing}`);
  return problems;
}

function describeModel(model: ClusterModel): string {
  const lines = [
    ...[...model.jobs.values()]
      .filter((job) => job.hash !== undefined)
      .map((job) => [job.name, job.hash, job.desired, job.target?.value, job.launchedOn].join(" ")),
    ...[...model.machines.values()].map(({ id, metadata }) =>
      [
        id,
        model.machine(id)?.leaving,
        ...marksOf(model, id),
        ...[...metadata].map((pair) => pair.join("=")).toSorted(),
      ].join(" "),
    ),
    ...[...model.states].flatMap(([unit, states]) =>
      [...states].map(([id, s]) => [unit, id, s.activeState, s.subState, s.hash].join(" ")),
    ),
    ...[...model.removed].map(([unit, hash]) => `removed ${unit} ${hash}`),
    `lease ${model.lease?.value}`,
  ];
  return lines.sort().join("\n");
}

function marksOf(model: ClusterModel, id: MachineId): unknown[] {
  const { cordoned, draining } = model.machine(id) ?? {};
  return [cordoned?.index, draining?.index, draining?.value.isOver];
}

function difference(seen: string, expected: string): string {
  const [a, b] = [seen.split("\n"), expected.split("\n")];
  const extra = a.filter((line) => !b.includes(line)).slice(0, 3);
  const missing = b.filter((line) => !a.includes(line)).slice(0, 3);
  return `${JSON.stringify(extra)} instead of ${JSON.stringify(missing)}`;
}

/** Every unit is where it belongs, once, and what is nowhere fits nowhere. */
function misplacedUnits(around: Settled): string[] {
  const { history, cluster, oracle } = around;
  const { index } = history.ledger;
  const placement = oracle.placement(index);
  const problems: string[] = [];
  for (const job of history.jobs(index)) {
    const { name, spec, desired, target } = job;
    // A submission that broke off decides nothing, and what is there stays as it is.
    if (spec === undefined || desired === undefined) continue;
    const isWanted = (desired === "loaded" || desired === "launched") && !isTemplate(name);
    for (const machine of cluster.machines) {
      const belongs =
        isWanted &&
        (spec.global
          ? history.globalFits(spec, machine.id, index) && !history.isOverdue(machine.id, index)
          : target === machine.id);
      // Where the machine was closed before, one that took its predecessor's place runs, a new one does not.
      const isOpen = !spec.global || history.isOpenTo(name, machine.id, index);
      if (!belongs || isOpen) problems.push(...wrongOn(around, machine, job, belongs));
    }
    if (spec.global || !isWanted) {
      if (target !== undefined) problems.push(`${name} is placed on ${target}`);
    } else if (target !== undefined) {
      const misfit = oracle.misfit(spec, target, index, placement);
      if (misfit !== undefined) problems.push(`${name} is placed on ${target}: ${misfit}`);
      problems.push(...undrained(around, spec, target, placement));
    } else problems.push(...homeless(around, job, placement));
  }
  return problems;
}

/** A unit on a machine that is drained, bound to no other, fits on none that is open. */
function undrained(
  { cluster, history, oracle }: Settled,
  spec: UnitSpec,
  target: string,
  placement: ReadonlyMap<string, string>,
): string[] {
  const { index } = history.ledger;
  if (!history.isDrained(target, index)) return [];
  const isBound =
    spec.replaces.length > 0 ||
    spec.machineOf.length > 0 ||
    history.jobs(index).some((job) => job.spec?.machineOf.includes(spec.name));
  if (isBound) return [];
  const free = [...cluster.machines].find(
    ({ id }) =>
      oracle.misfitToCome(spec, id, index, placement) === undefined &&
      !oracle.lacksMemory(spec, id, index, placement),
  );
  return free === undefined
    ? []
    : [`${spec.name} is on ${target}, which is drained, and fits on ${free.name}`];
}

function wrongOn(
  { hasEnded }: Settled,
  machine: SimulatedMachine,
  { name, hash, spec, desired }: JobThen,
  belongs: boolean,
): string[] {
  const loaded = hashOn(machine, name);
  const isRunning = machine.systemd.running().includes(name);
  const mustRun = belongs && desired === "launched" && spec !== undefined && runsForEver(spec);
  if (!belongs && (loaded !== undefined || isRunning))
    return [`${name} is still on ${machine.name}`];
  if (belongs && loaded !== hash) return [`${name} is not loaded on ${machine.name}`];
  if (mustRun && !isRunning && !hasEnded(machine, name, spec))
    return [`${name} does not run on ${machine.name}`];
  if (isRunning && desired !== "launched") return [`${name} runs on ${machine.name}`];
  return [];
}

/** Both the oracle and the explanation that users get say no for every machine. */
function homeless(
  { cluster, history, oracle }: Settled,
  { name, spec }: JobThen,
  placement: ReadonlyMap<string, string>,
): string[] {
  const { index } = history.ledger;
  const problems: string[] = [];
  const { daemon } = [...cluster.machines][0]!;
  const reasons = daemon && explain(daemon.feed.model, name as UnitName, new Map())?.reasons;
  for (const machine of cluster.machines) {
    const misfit =
      oracle.misfitToCome(spec!, machine.id, index, placement) ??
      (oracle.lacksMemory(spec!, machine.id, index, placement) ? "lacks memory" : undefined);
    if (misfit === undefined && !canReplaceNobody(oracle, spec!, machine.id, index, placement))
      problems.push(`${name} is placed nowhere and fits on ${machine.name}`);
    const told = reasons?.find(({ machineID }) => machineID === machine.id);
    if (told === undefined || told.reason === "")
      problems.push(`nothing says why ${name} is not on ${machine.name}`);
    else if (told.fits !== (misfit === undefined))
      problems.push(`${name} on ${machine.name}: told "${told.reason}", is ${misfit ?? "free"}`);
  }
  return problems;
}

/** A global unit cannot be made to go. */
function canReplaceNobody(
  oracle: FitOracle,
  spec: NonNullable<JobThen["spec"]>,
  machine: string,
  index: number,
  placement: ReadonlyMap<string, string>,
): boolean {
  return oracle.replacedBy(spec, machine, index, placement).some((name) => !placement.has(name));
}

/** What runs without a job is there only because nothing says that it was removed. */
function strayUnits({ cluster, history }: Settled): string[] {
  const { index } = history.ledger;
  const problems: string[] = [];
  for (const machine of cluster.machines)
    for (const name of machine.systemd.running()) {
      if (history.job(name, index) !== undefined) continue;
      if (history.tombstone(name, index) !== undefined)
        problems.push(`${name} was destroyed, is on ${machine.name}`);
    }
  return problems;
}

/** What the store says of a unit's state is what systemd says. */
function wrongReports({ cluster, history }: Settled): string[] {
  const { ledger } = history;
  const problems: string[] = [];
  for (const machine of cluster.machines) {
    const loaded = [...machine.files.texts.keys()].map((path) => path.split("/").at(-1)!);
    const names = loaded.filter((name) => !isTemplate(name)).sort();
    for (const name of names) {
      const key = cluster.at.state(name as UnitName, machine.id);
      const told = JSON.parse(ledger.value(key, ledger.index) ?? "{}") as Record<string, string>;
      const { activeState, subState, loadState } = machine.systemd.status(name);
      const is = [loadState, activeState, subState].join(" ");
      const said = [told["loadState"], told["activeState"], told["subState"]].join(" ");
      if (is !== said) problems.push(`${name} on ${machine.name} is ${is}, reported as ${said}`);
    }
    for (const key of ledger.live) {
      const [, unit, id] = /\/states\/([^/]+)\/([^/]+)$/.exec(key) ?? [];
      if (id === machine.id && !names.includes(unit!))
        problems.push(`${unit} is reported from ${machine.name} and is not there`);
    }
  }
  return problems;
}

/** Used by the report of a run that does not settle. */
export function describeDaemon({ name, daemon }: SimulatedMachine): string {
  const feed = (daemon as FleetMachine | undefined)?.feed;
  return `${name}: ${daemon?.leads === true ? "leads, " : ""}index ${feed?.index ?? "none"}`;
}
