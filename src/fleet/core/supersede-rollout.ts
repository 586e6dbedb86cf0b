import type { Beginning } from "./begin-rollout.ts";
import type { ClusterModel } from "./cluster-model.ts";
import { isUnderWay, type Member, type Rollout, rolloutKey } from "./rollout.ts";
import type { Unit } from "./unit.ts";

const ANOTHER_TEXT = "was given another text";

/**
 * What becomes of the rollout under way that concerns the unit when it is given a text that does not roll; undefined
 * when that changes nothing. A template's rollout goes no further: members that wait keep what they have, those on their
 * way are still watched, and the template is left alone. Of an instance or another unit, only its member is over.
 */
export function supersedeRollout(
  model: ClusterModel,
  next: Pick<Unit, "name" | "hash" | "isTemplate">,
  by: string,
): Beginning | undefined {
  const key = rolloutKey(next.name);
  const rollout = model.notes.rollouts.get(key)?.value;
  if (rollout?.state !== "running" || rollout.to === next.hash) return undefined;
  const after = next.isTemplate
    ? withoutTemplate(rollout, `the template was given another text by ${by}`)
    : withoutMember(rollout, next, key === next.name ? `${ANOTHER_TEXT} by ${by}` : "");
  return after === rollout ? undefined : { key, rollout: after };
}

/** The rollout without what is still to come, its template's text included; the same one when nothing of the template rolls. */
export function withoutTemplate(rollout: Rollout, why: string): Rollout {
  if (!rollout.template) return rollout;
  const members = rollout.members.map((member) =>
    member.phase === "waiting" ? left(member, "the template was given another text") : member,
  );
  return { ...rollout, template: false, why, members };
}

function withoutMember(rollout: Rollout, { name }: Pick<Unit, "name">, why: string): Rollout {
  const isOver = (member: Member) =>
    member.unit === name &&
    member.machine === undefined &&
    (member.phase === "waiting" || isUnderWay(member));
  if (!rollout.members.some(isOver)) return rollout;
  const members = rollout.members.map((one) => (isOver(one) ? left(one, ANOTHER_TEXT) : one));
  return { ...rollout, why, members };
}

function left(member: Member, why: string): Member {
  return { ...member, phase: "left", held: undefined, why };
}
