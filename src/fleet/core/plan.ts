import type { UnitName } from "#unitfile/core/unit-name.ts";
import { applyDecision, applyKey } from "./apply-decision.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { explain } from "./explain.ts";
import type { MachineId } from "./machine-id.ts";
import { machinesOfGlobal } from "./machines-of-global.ts";
import { startLayers } from "./order-cycle.ts";
import { plannedRollout, viewPlannedRollouts } from "./plan-rollout.ts";
import { writeBlob, writeJobObject } from "./records.ts";
import { type Decision, type LostMachines, schedule } from "./schedule.ts";
import type { SchemaMove, SchemaPlan, SchemaPlannedUnit, UnitStateName } from "./schema.ts";
import { unitOf } from "./unit.ts";

/** A unit as it would be written to the store. */
export interface PlannedWrite {
  readonly name: UnitName;
  /** The text that would be submitted, with its hash; undefined when only the desired state would be set. */
  readonly text: { readonly raw: string; readonly hash: string } | undefined;
  readonly desired: UnitStateName;
}

export interface PlanFacts {
  readonly lost: LostMachines;
  /** Machines whose units wait to be moved, and why they wait. */
  readonly held: ReadonlyMap<MachineId, string>;
}

/**
 * What would become of the cluster if all these units were written at once: the engine's own `schedule`, run on `model`,
 * which is the caller's copy and is changed. Decisions about other units are told where the writes are what causes them.
 */
export function planUnits(
  model: ClusterModel,
  { lost, held }: PlanFacts,
  writes: readonly PlannedWrite[],
): SchemaPlan {
  const pending = new Set(schedule(model, lost, "all").map(textOf));
  const asked = new Map(writes.map((write) => [write.name, summaryOf(model, write)]));
  const rolled = new Set<string>();
  const decisions: Decision[] = [];
  for (const layer of inLayers(model, writes)) {
    for (const write of layer) for (const key of put(model, write)) rolled.add(key);
    const next = schedule(model, lost, "all");
    for (const decision of next) applyDecision(model, decision, NEWEST);
    decisions.push(...next);
  }
  const decided = new Map(decisions.map((decision) => [decision.unit, decision]));
  const others = decisions.filter((one) => !asked.has(one.unit) && !pending.has(textOf(one)));
  let reasonsLeft = REASONS_MAX;
  const units = writes.map(({ name }) => {
    const planned = plannedUnit(model, name, asked.get(name)!, decided.get(name)?.reason);
    if (planned.machines.length > 0 || planned.desiredState === "inactive") return planned;
    reasonsLeft -= model.machines.size;
    if (reasonsLeft < 0) return planned;
    return { ...planned, reasons: explain(model, name, held)?.reasons ?? [] };
  });
  return {
    units,
    others: others.map(moveOf),
    ...(rolled.size > 0 && { rollouts: viewPlannedRollouts(model, rolled) }),
  };
}

/** Reasons in one plan, units times machines: what a daemon works out in a fifth of a second. */
const REASONS_MAX = 20_000;

interface Summary {
  readonly change: SchemaPlannedUnit["change"];
  readonly from: MachineId | null;
}

/** What there is of the unit before the write, and what the write is to it. */
function summaryOf(model: ClusterModel, { name, text, desired }: PlannedWrite): Summary {
  const job = model.jobs.get(name);
  const from = job?.target?.value ?? null;
  if (job?.hash === undefined) return { change: "create", from };
  if (text !== undefined && text.hash !== job.hash) return { change: "replace", from };
  return { change: job.desired === desired ? "none" : "update", from };
}

function plannedUnit(
  model: ClusterModel,
  name: UnitName,
  { change, from }: Summary,
  decided: string | undefined,
): SchemaPlannedUnit {
  const job = model.jobs.get(name);
  const to = job?.target?.value ?? null;
  const desiredState = job?.desired ?? "inactive";
  const global = job?.unit?.wants.global === true && !job.unit.isTemplate;
  const machines =
    global && desiredState !== "inactive"
      ? machinesOfGlobal(model, job, job.unit)
      : to === null
        ? []
        : [to];
  const whole = { unit: name, change, desiredState, global, from, to, machines, reasons: [] };
  if (decided !== undefined) return { ...whole, reason: decided };
  if (desiredState === "inactive") return { ...whole, reason: "desired state is inactive" };
  if (global) return { ...whole, reason: "global: it runs on every machine that fits" };
  const stays = change === "replace" ? "stays where it is, with the new file" : "stays where it is";
  return { ...whole, reason: to === null ? "is not placed" : stays };
}

/** As they come one after the other by their order. */
function inLayers(model: ClusterModel, writes: readonly PlannedWrite[]): PlannedWrite[][] {
  const wanting = writes.map((write) => {
    const { name, text } = write;
    const unit =
      text === undefined ? model.jobs.get(name)?.unit : unitOf(name, text.hash, text.raw);
    const wants = unit === undefined || "problem" in unit ? NO_ORDER : unit.wants;
    return { name, wants, write };
  });
  return startLayers(wanting).map((layer) => layer.map(({ write }) => write));
}

const NO_ORDER = { after: [], requires: [] };

/** Writes what the API would, and what a rollout would in the end; gives the key of that rollout, if there is one. */
function put(model: ClusterModel, write: PlannedWrite): string[] {
  const { name, text, desired } = write;
  const rolls = plannedRollout(model, write);
  if (rolls !== undefined) set(model, rolls.key, rolls.value);
  if (text !== undefined) {
    set(model, model.keys.blob(text.hash), writeBlob(text.raw));
    set(model, model.keys.removed(name), undefined);
    set(model, model.keys.job(name, "object"), writeJobObject(name, text.hash));
  }
  for (const { unit, to } of rolls?.rollout.members ?? [])
    set(model, model.keys.job(unit, "object"), writeJobObject(unit, to));
  set(model, model.keys.job(name, "target-state"), desired);
  return rolls === undefined ? [] : [rolls.key];
}

/** Nothing is older than what is only imagined. */
const NEWEST = Number.MAX_SAFE_INTEGER;

function set(model: ClusterModel, key: string, value: string | undefined): void {
  applyKey(model, key, value, NEWEST);
}

/** As the API gives it. */
export function moveOf(decision: Decision): SchemaMove {
  const { reason, unit } = decision;
  const from = "from" in decision ? decision.from : null;
  return { unit, from, to: "to" in decision ? decision.to : null, reason };
}

/** Two decisions are one when they are about the same unit and machines; the load that a reason names may differ. */
function textOf(decision: Decision): string {
  const { from, to, unit } = moveOf(decision);
  return [decision.kind, unit, from, to].join(" ");
}
