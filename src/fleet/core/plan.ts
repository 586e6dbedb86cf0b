import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { explain } from "./explain.ts";
import type { MachineId } from "./machine-id.ts";
import { writeBlob, writeJobObject } from "./records.ts";
import { type Decision, type LostMachines, schedule } from "./schedule.ts";
import type { SchemaMove, SchemaPlan, SchemaPlannedUnit, UnitStateName } from "./schema.ts";

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
  for (const write of writes) put(model, write);
  const decisions = schedule(model, lost, "all");
  const decided = new Map(decisions.map((decision) => [decision.unit, decision]));
  for (const decision of decisions) carryOut(model, decision);
  const others = decisions.filter((one) => !asked.has(one.unit) && !pending.has(textOf(one)));
  return {
    units: writes.map(({ name }) => {
      const summary = asked.get(name)!;
      const why = decided.get(name)?.reason;
      return plannedUnit(model, name, { ...summary, why, held });
    }),
    others: others.map(moveOf),
  };
}

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
  about: Summary & Pick<PlanFacts, "held"> & { readonly why: string | undefined },
): SchemaPlannedUnit {
  const { change, from, held, why } = about;
  const job = model.jobs.get(name);
  const to = job?.target?.value ?? null;
  const global = job?.unit?.wants.global === true && !job.unit.isTemplate;
  const reasons = explain(model, name, held)?.reasons ?? [];
  const desiredState = job?.desired ?? "inactive";
  const whole = { unit: name, change, desiredState, global, from, to, reasons };
  if (why !== undefined) return { ...whole, reason: why };
  if (desiredState === "inactive") return { ...whole, reason: "desired state is inactive" };
  if (global) return { ...whole, reason: "it runs on every machine that fits" };
  const stays = change === "replace" ? "stays where it is, with the new file" : "stays where it is";
  return { ...whole, reason: to === null ? "is not placed" : stays };
}

/** Writes what the API would. */
function put(model: ClusterModel, { name, text, desired }: PlannedWrite): void {
  if (text !== undefined) {
    set(model, model.keys.blob(text.hash), writeBlob(text.raw));
    set(model, model.keys.removed(name), undefined);
    set(model, model.keys.job(name, "object"), writeJobObject(name, text.hash));
  }
  set(model, model.keys.job(name, "target-state"), desired);
}

/** Writes what the engine would. */
function carryOut(model: ClusterModel, decision: Decision): void {
  if (decision.kind === "wait") return;
  const to = decision.kind === "unplace" ? undefined : decision.to;
  set(model, model.keys.job(decision.unit, "target"), to);
}

/** Nothing is older than what is only imagined. */
const NEWEST = Number.MAX_SAFE_INTEGER;

function set(model: ClusterModel, key: string, value: string | undefined): void {
  const after = value === undefined ? undefined : { value, modifiedIndex: NEWEST };
  model.apply({ key, after, by: { key, action: after === undefined ? "delete" : "set" } });
}

function moveOf(decision: Decision): SchemaMove {
  const { reason, unit } = decision;
  const from = "from" in decision ? decision.from : null;
  return { unit, from, to: "to" in decision ? decision.to : null, reason };
}

/** Two decisions are one when they are about the same unit and machines; the load that a reason names may differ. */
function textOf(decision: Decision): string {
  const { from, to, unit } = moveOf(decision);
  return [decision.kind, unit, from, to].join(" ");
}
