import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import { isActive, isUnderWay, joining, type Member, type Rollout, rolloutKey } from "./rollout.ts";
import { globalMachines } from "./rollout-texts.ts";
import type { Unit } from "./unit.ts";

export interface Beginning {
  /** The name that the rollout is kept under. */
  readonly key: UnitName;
  readonly rollout: Rollout;
}

/**
 * The rollout that giving the unit, or the template, this text amounts to, by the text's own policy; undefined when it
 * is to be replaced at once: it says nothing of updates, is new, does not run, or changes between global and not.
 * What rolls under the same name joins it: those that go on to another text of their own, and those on the way.
 */
export function beginRollout(
  model: ClusterModel,
  next: Unit,
  about: { readonly by: string; readonly at: string },
): Beginning | undefined {
  const job = model.jobs.get(next.name);
  const policy = next.wants.update;
  if (policy === undefined || job?.unit === undefined || job.hash === undefined) return undefined;
  if (job.unit.wants.global !== next.wants.global) return undefined;
  if (!next.isTemplate && job.desired !== "launched") return undefined;
  const key = rolloutKey(next.name);
  const before = model.notes.rollouts.get(key)?.value;
  const current = isActive(before) ? before : undefined;
  const fresh = membersFor(model, next, job, current);
  if (fresh.length === 0) return undefined;
  const isFresh = (member: Member) => fresh.some(({ unit }) => unit === member.unit);
  // What was on its way to a text that the template no longer has stays where it is.
  const isOver = (member: Member) => next.isTemplate && member.to === current?.to;
  const others = takenOver(current).filter((one) => !isFresh(one) && !isOver(one));
  const from = current?.to === next.hash ? current.from : job.hash;
  const rollout: Rollout = {
    state: "running",
    policy,
    from,
    to: next.hash,
    template: next.isTemplate || (current?.template === true && current.to === next.hash),
    by: about.by,
    began: about.at,
    ended: undefined,
    why: "",
    members: [...fresh, ...others].sort(byName),
  };
  return { key, rollout };
}

/** What a rollout that takes over has to see to of the one before: those on the way, there or back. */
function takenOver(current: Rollout | undefined): Member[] {
  const members = (current?.members ?? []).filter(
    ({ phase }) => phase !== "left" && phase !== "returned",
  );
  if (current?.state !== "returning") return members;
  return members
    .filter(({ phase, from, had }) => phase !== "waiting" || had !== from)
    .map((one) => joining({ ...one, had: one.to, to: one.from }));
}

function membersFor(
  model: ClusterModel,
  next: Unit,
  job: Job,
  current: Rollout | undefined,
): Member[] {
  if (next.isTemplate) return instancesToRoll(model, next, job, current);
  const placed = job.target !== undefined;
  if (!next.wants.global) return [memberOf(next, job, current, placed)];
  return globalMachines(model, [job.unit, next]).map((machine) => {
    const known = current?.members.find((one) => one.machine === machine);
    const from = job.hash!;
    // A machine that has the text of a rollout that is taken over keeps it until its turn.
    const had = known?.phase === "updating" || known?.phase === "healthy" ? known.to : from;
    return joining({ unit: next.name, machine, from, had, to: next.hash, placed: true });
  });
}

/** Instances that have the template's text, or one that is on its way to them. */
function instancesToRoll(
  model: ClusterModel,
  next: Unit,
  { hash }: Job,
  current: Rollout | undefined,
): Member[] {
  const texts = new Set<string | undefined>([
    hash,
    ...(current?.template === true ? [current.from, current.to] : []),
  ]);
  return [...model.jobs.values()].flatMap((job) => {
    const { kind, template } = unitNameParts(job.name);
    const isInstance = kind === "instance" && template === next.name;
    if (!isInstance || job.unit === undefined || !texts.has(job.hash)) return [];
    const isOnWay = current?.members.some((one) => one.unit === job.name && isUnderWay(one));
    if (job.hash === next.hash && isOnWay !== true) return [];
    const placed = job.target !== undefined;
    return [memberOf({ name: job.name, hash: next.hash }, job, current, placed)];
  });
}

/** A text that was not yet seen healthy is none to go back to. */
function memberOf(
  { name, hash }: Pick<Unit, "name" | "hash">,
  job: Job,
  current: Rollout | undefined,
  placed: boolean,
): Member {
  const known = current?.members.find((one) => one.unit === name);
  const isSeen =
    known === undefined ||
    known.phase === "healthy" ||
    known.phase === "left" ||
    known.phase === "returned";
  const from = isSeen ? job.hash! : known.from;
  // An engine that led before may yet write the text that it was about to.
  const isOnWay = known !== undefined && isUnderWay(known);
  const had = isOnWay && job.hash !== known.to ? known.to : job.hash!;
  const fresh = joining({ unit: name, machine: undefined, from, had, to: hash, placed });
  // The same text again changes nothing on the way there.
  const isThere = current?.state === "running" && known?.to === hash && known.phase !== "left";
  return isThere ? known : fresh;
}

function byName(a: Member, b: Member): number {
  if (a.unit !== b.unit) return a.unit < b.unit ? -1 : 1;
  return (a.machine ?? "") < (b.machine ?? "") ? -1 : 1;
}
