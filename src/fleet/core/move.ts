import type { UnitName } from "#unitfile/core/unit-name.ts";
import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { describeMisfit } from "./misfit.ts";
import { type Decision, type LostMachines, schedule } from "./schedule.ts";

/** Somebody's wish to have a unit on another machine. */
export interface MoveWish {
  readonly unit: UnitName;
  readonly to: MachineId;
  readonly reason: string;
  /** In spite of a cordon, and of what the unit says it needs: what would not make it leave if it were there already. */
  readonly isForced: boolean;
}

export type MovePlan =
  | { readonly kind: "refuse"; readonly reason: string }
  /** It is there. */
  | { readonly kind: "none" }
  | {
      readonly kind: "move";
      readonly from: MachineId;
      /** Other units that the engine then moves too, such as those that run beside it. */
      readonly others: readonly Decision[];
    };

/** What it takes to move the unit, by the scheduler's own rules; refused where the scheduler would not leave it there. */
export function planMove(model: ClusterModel, lost: LostMachines, wish: MoveWish): MovePlan {
  const { isForced, reason, to } = wish;
  const job = model.jobs.get(wish.unit);
  const unit = job?.unit;
  if (job === undefined || unit === undefined || job.desired === undefined || job.targetUnreadable)
    return { kind: "refuse", reason: "its job cannot be read" };
  if (unit.isTemplate) return { kind: "refuse", reason: "a template is never placed" };
  if (unit.wants.global)
    return { kind: "refuse", reason: "it is global and runs on every machine that fits" };
  const from = job.target?.value;
  if (from === undefined)
    return { kind: "refuse", reason: "it is placed nowhere; load or start it first" };
  if (from === to) return { kind: "none" };
  const machine = model.machines.get(to);
  if (machine === undefined) return { kind: "refuse", reason: "that machine is not present" };
  const board = new Board(model);
  board.remove(unit.name);
  const misfit = board.misfit(unit, machine, isForced);
  if (misfit !== undefined) return { kind: "refuse", reason: describeMisfit(misfit) };
  const displaced = new Map([[unit.name, { reason, to, isForced }]]);
  const decisions = schedule(model, lost, [unit.name], { displaced });
  const homeless = decisions.find(({ kind }) => kind === "unplace" || kind === "wait");
  if (homeless !== undefined)
    return {
      kind: "refuse",
      reason: `${homeless.unit} would be without a machine: ${homeless.reason}`,
    };
  return { kind: "move", from, others: decisions.filter((one) => one.unit !== unit.name) };
}
