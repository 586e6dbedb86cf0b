import type { UpdatePolicy } from "#unitfile/core/update-policy.ts";
import type { Rollout } from "./rollout.ts";
import type { SchemaRollout } from "./rollout-schema.ts";

export function viewRollout(unit: string, rollout: Rollout): SchemaRollout {
  const { state, from, to, policy, by, began, ended, why, members } = rollout;
  return {
    unit,
    state,
    from,
    to,
    parallel: parallelText(policy),
    order: policy.order,
    monitorSeconds: policy.monitorMs / 1000,
    by,
    began,
    ended: ended ?? null,
    why,
    members: members.map((member) => ({
      unit: member.unit,
      machineID: member.machine ?? null,
      phase: member.phase,
      from: member.from,
      to: member.to,
      why: member.why,
    })),
  };
}

/** As UpdateParallel has it. */
export function parallelText({ parallel }: UpdatePolicy): string {
  return "count" in parallel ? String(parallel.count) : `${parallel.percent}%`;
}
