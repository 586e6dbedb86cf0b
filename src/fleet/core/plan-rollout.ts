import { beginRollout } from "./begin-rollout.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { PlannedWrite } from "./plan.ts";
import { type Rollout, writeRollout } from "./rollout.ts";
import type { SchemaPlannedRollout } from "./rollout-schema.ts";
import { unitOf } from "./unit.ts";
import { viewRollout } from "./view-rollout.ts";

/** The rollout that the write would begin, or join, by the name it would be kept under; undefined when there is none. */
export function plannedRollout(
  model: ClusterModel,
  { name, text }: PlannedWrite,
): { readonly key: string; readonly value: string; readonly rollout: Rollout } | undefined {
  const unit = text && unitOf(name, text.hash, text.raw);
  if (unit === undefined || "problem" in unit) return undefined;
  const begun = beginRollout(model, unit, { by: "", at: "" });
  if (begun === undefined) return undefined;
  const { key, rollout } = begun;
  return { key: model.keys.note("rollouts", key), value: writeRollout(rollout), rollout };
}

/** The rollouts that writes began in the model, by their keys. */
export function viewPlannedRollouts(
  model: ClusterModel,
  keys: ReadonlySet<string>,
): SchemaPlannedRollout[] {
  const { rollouts } = model.notes;
  return [...rollouts.units()].sort().flatMap((unit) => {
    const note = rollouts.get(unit);
    if (note === undefined || !keys.has(model.keys.note("rollouts", unit))) return [];
    const { members, monitorSeconds, order, parallel } = viewRollout(unit, note.value);
    return [{ unit, parallel, order, monitorSeconds, members }];
  });
}
