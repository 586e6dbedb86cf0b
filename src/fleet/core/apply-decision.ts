import type { ClusterModel } from "./cluster-model.ts";
import type { Decision } from "./schedule.ts";

/** Has the model hear of a key as if somebody had written it at this index, or removed it. */
export function applyKey(
  model: ClusterModel,
  key: string,
  value: string | undefined,
  index: number,
): void {
  const after = value === undefined ? undefined : { value, modifiedIndex: index };
  model.apply({ key, after, by: { key, action: after === undefined ? "delete" : "set" } });
}

/** The same for what the engine writes when it carries the decision out. */
export function applyDecision(model: ClusterModel, decision: Decision, index: number): void {
  if (decision.kind === "wait") return;
  const to = decision.kind === "unplace" ? undefined : decision.to;
  applyKey(model, model.keys.job(decision.unit, "target"), to, index);
}
