import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import { isHealthy } from "./health-note.ts";
import { goneMachines } from "./known-machines.ts";
import type { MachineId } from "./machine-id.ts";
import { machineState } from "./machine-state.ts";
import { orderWait } from "./order-wait.ts";
import type { MachineRecord } from "./records.ts";
import { isOfWantedRun } from "./run-once.ts";
import { describeResult } from "./run-result.ts";
import type {
  SchemaMachine,
  SchemaResult,
  SchemaUnit,
  SchemaUnitState,
  UnitStateName,
} from "./schema.ts";

/** How the API shows a cluster; members of the answers come in the order of the original's. */

/** All units, by name. */
export function viewUnits(model: ClusterModel): SchemaUnit[] {
  return [...model.jobs.values()]
    .filter((job) => job.hash !== undefined)
    .sort(byName)
    .map((job) => viewUnit(model, job));
}

export function viewUnit(model: ClusterModel, job: Job): SchemaUnit {
  const options = (job.unit?.file.options ?? []).map(({ name, section, value }) => ({
    name,
    section,
    value,
  }));
  return {
    currentState: currentState(model, job),
    // A desired state that cannot be read is shown as the one that asks for nothing.
    desiredState: job.desired ?? "inactive",
    ...(job.target && { machineID: job.target.value }),
    name: job.name,
    options,
    ...viewResult(model, job, undefined),
    ...viewWait(model, job, job.target?.value),
  };
}

/** What keeps the unit from being started on the machine by its order. */
function viewWait(
  model: ClusterModel,
  job: Job | undefined,
  machine: MachineId | undefined,
): { waitsFor?: string } {
  const waitsFor = job && orderWait(model, job, machine);
  return waitsFor === undefined ? {} : { waitsFor };
}

/** How the unit's last run ended, on that machine or wherever it was. */
function viewResult(
  { notes }: ClusterModel,
  job: Job | undefined,
  machine: MachineId | undefined,
): { result?: SchemaResult } {
  const own = job && notes.results.get(job.name)?.value;
  const last =
    machine === undefined || own?.machine === machine
      ? own
      : job && notes.results.get(job.name, machine)?.value;
  if (job === undefined || last === undefined) return {};
  const { result, exitStatus, signal, began, ended } = last;
  return {
    result: {
      result,
      text: describeResult(last),
      machineID: last.machine,
      ...(exitStatus !== undefined && { exitStatus }),
      ...(signal !== undefined && { signal }),
      ...(began !== undefined && { began }),
      ...(ended !== undefined && { ended }),
      current: isOfWantedRun(last, job),
    },
  };
}

/** `launched` once its machine says that it started the unit, `loaded` while that merely reports it. */
function currentState(model: ClusterModel, { name, target, launchedOn }: Job): UnitStateName {
  if (target === undefined || !model.states.get(name)?.has(target.value)) return "inactive";
  return launchedOn === target.value ? "launched" : "loaded";
}

export interface StateFilter {
  readonly unitName: string | undefined;
  readonly machineID: string | undefined;
}

/** What present machines report and held ones reported last, by unit, then machine; an empty filter takes everything. */
export function viewStates(model: ClusterModel, filter: StateFilter): SchemaUnitState[] {
  const units = filter.unitName ? [filter.unitName as UnitName] : [...model.states.keys()].sort();
  return units.flatMap((name) =>
    [...(model.states.get(name)?.values() ?? [])]
      .filter(({ machine }) => isShown(model, machine, filter))
      .sort((a, b) => (a.machine < b.machine ? -1 : 1))
      .map((state) => ({
        hash: state.hash,
        machineID: state.machine,
        name,
        systemdActiveState: state.activeState,
        systemdLoadState: state.loadState,
        systemdSubState: state.subState,
        ...viewResult(model, model.jobs.get(name), state.machine),
        ...viewHealth(model, name, state.machine),
        ...viewWait(model, model.jobs.get(name), state.machine),
      })),
  );
}

/** Only of units that have a check, so that the others look as in the original. */
function viewHealth(
  model: ClusterModel,
  name: UnitName,
  machine: MachineId,
): Pick<SchemaUnitState, "health" | "healthReason"> {
  if (model.jobs.get(name)?.unit?.wants.health === undefined) return {};
  const health = isHealthy(model, name, machine);
  const note = model.notes.health.get(name, machine)?.value;
  return { health, ...(health === "unhealthy" && note && { healthReason: note.reason }) };
}

function isShown(model: ClusterModel, machine: MachineId, { machineID }: StateFilter): boolean {
  const isKnown = model.machines.has(machine) || model.machine(machine)?.held !== undefined;
  return isKnown && (!machineID || machineID === machine);
}

/** Present machines and those held, by id; with `isAll` also those that are gone and that something is on record of. */
export function viewMachines(model: ClusterModel, isAll = false): SchemaMachine[] {
  const gone = goneMachines(model)
    .map((id) => viewGone(model, id))
    .filter(({ state }) => isAll || state === "held");
  const present = [...model.machines.values()].map((machine) => viewMachine(model, machine));
  return [...present, ...gone].sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function viewMachine(
  model: ClusterModel,
  { id, metadata, publicIp, facts }: MachineRecord,
): SchemaMachine {
  const state = machineState(model, id);
  const pairs = [...metadata].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    id,
    ...(pairs.length > 0 && { metadata: Object.fromEntries(pairs) }),
    ...(publicIp && { primaryIP: publicIp }),
    ...(facts?.hostName && { hostName: facts.hostName }),
    ...(state !== "ready" && { state }),
  } as SchemaMachine;
}

/** What it last told of itself. */
function viewGone(model: ClusterModel, id: MachineId): SchemaMachine {
  const { facts, held, incarnation } = model.machine(id) ?? {};
  return {
    id,
    primaryIP: incarnation?.address ?? "",
    metadata: {},
    ...(facts?.hostName && { hostName: facts.hostName }),
    state: machineState(model, id),
    ...(held && { held: { since: held.value.at, reason: held.value.why } }),
  };
}

function byName(a: Job, b: Job): number {
  return a.name < b.name ? -1 : 1;
}
