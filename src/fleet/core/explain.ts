import type { UnitName } from "#unitfile/core/unit-name.ts";
import { Board } from "./board.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import { describeAvoidance, describeHealth } from "./describe-health.ts";
import type { MachineId } from "./machine-id.ts";
import { globalMisfit } from "./machine-state.ts";
import { describeMisfit, globalFits, machineMisfit } from "./misfit.ts";
import { orderWait } from "./order-wait.ts";
import type { MachineRecord } from "./records.ts";
import type { SchemaReason, SchemaReasons } from "./schema.ts";
import type { Unit } from "./unit.ts";

/** For every machine that is present, whether the unit may run there and why not, ordered by machine. */
export function explain(
  model: ClusterModel,
  name: UnitName,
  /** Machines whose units wait to be moved, and why they wait. */
  held: ReadonlyMap<MachineId, string>,
): SchemaReasons | undefined {
  const job = model.jobs.get(name);
  if (job?.hash === undefined) return undefined;
  const placed = job.target?.value ?? null;
  const machines = [...model.machines.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const hold = placed === null ? undefined : held.get(placed);
  const reasons =
    placed === null || hold === undefined ? [] : [{ machineID: placed, fits: false, reason: hold }];
  const judge = judgeOf(model, job);
  return {
    unit: name,
    placed,
    reasons: [...reasons, ...machines.map((m) => ({ machineID: m.id, ...judge(m) }))],
  };
}

type Judge = (machine: MachineRecord) => Omit<SchemaReason, "machineID">;

function judgeOf(model: ClusterModel, job: Job): Judge {
  const { unit } = job;
  const general = whyNobody(model, job);
  if (unit === undefined || general !== undefined)
    return () => ({ fits: false, reason: general ?? "its unit file is missing" });
  if (unit.wants.global) return (machine) => judgeGlobal(model, job, unit, machine);
  const board = new Board(model);
  board.remove(job.name);
  return (machine) => {
    if (machine.id === job.target?.value)
      return {
        fits: true,
        reason: join(
          "it is placed here",
          describeLock(model, unit, machine.id),
          describeOrder(model, job, machine.id),
          describeHealth(model, unit, machine.id),
        ),
      };
    const misfit = board.misfit(unit, machine);
    if (misfit !== undefined) return { fits: false, reason: describeMisfit(misfit) };
    const load = `fits; units placed here: ${board.load(machine.id)}`;
    const avoided = describeAvoidance(model, unit, machine.id);
    return { fits: true, reason: join(load, board.ranking.describe(unit, machine), avoided) };
  };
}

/** What keeps the unit from starting on the machine it is placed on; empty when nothing does. */
function describeLock(model: ClusterModel, { name, wants }: Unit, me: MachineId): string {
  const holder = model.notes.once.get(name)?.value.machine;
  if (!wants.atMostOnce || holder === undefined || holder === me) return "";
  return `starts when machine ${holder} lets go of its lock`;
}

/** What it waits for by its After and Requires; empty when for nothing. */
function describeOrder(model: ClusterModel, job: Job, machine: MachineId): string {
  const lack = orderWait(model, job, machine);
  return lack === undefined ? "" : `waits for ${lack}`;
}

function join(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join("; ");
}

function judgeGlobal(
  model: ClusterModel,
  job: Job,
  unit: Unit,
  machine: MachineRecord,
): Omit<SchemaReason, "machineID"> {
  const isLoaded = model.states.get(job.name)?.has(machine.id) ?? false;
  const misfit = globalFits(unit, machine)
    ? globalMisfit(model.machine(machine.id), job, isLoaded)
    : machineMisfit(unit, machine);
  if (misfit === undefined)
    return {
      fits: true,
      reason: join(
        "global: it runs here",
        describeOrder(model, job, machine.id),
        describeHealth(model, unit, machine.id),
      ),
    };
  return { fits: false, reason: describeMisfit(misfit) };
}

/** What keeps the unit from every machine alike. */
function whyNobody(model: ClusterModel, job: Job): string | undefined {
  if (job.unit === undefined)
    return model.problems.get(model.keys.job(job.name, "object")) ?? "its job cannot be read";
  if (job.unit.isTemplate) return "a template is never placed, only its instances";
  if (job.desired === undefined)
    return (
      model.problems.get(model.keys.job(job.name, "target-state")) ??
      "its desired state cannot be read"
    );
  return job.desired === "inactive" ? "desired state is inactive" : undefined;
}
