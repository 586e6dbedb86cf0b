import type { FleetSection } from "#unitfile/core/fleet-section.ts";
import { globMatcher } from "#unitfile/core/glob.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { Job } from "./job.ts";
import type { MachineRecord } from "./records.ts";
import { servingGap } from "./serving-gap.ts";
import type { Unit } from "./unit.ts";
import { isPeerGlob } from "./unit-index.ts";

/** What the order of units says of one of them on a machine. */
export type Turn = { readonly kind: "free" } | Wait;

/** Why a unit may not start, or not go on. */
export type Wait =
  /** It is not to be started yet; what runs goes on. */
  | { readonly kind: "waits"; readonly lack: string; readonly for: readonly UnitName[] }
  /** It is not to run: what it requires was stopped on purpose. */
  | { readonly kind: "ends"; readonly lack: string };

const FREE: Turn = { kind: "free" };
/** Units that one reason names. */
const NAMED_MAX = 3;

/** Whether anything is to come before the unit. */
export function isOrdered({ after, requires }: Pick<FleetSection, "after" | "requires">): boolean {
  return after.length > 0 || requires.length > 0;
}

/**
 * Whether the unit may run on the machine by its After and Requires. `isCurrent` tells of a key whether what it says, or
 * that it is gone, is the cluster's word of now and not only that of an older backup: nothing is stopped on that.
 */
export function turnOf(
  model: ClusterModel,
  unit: Unit,
  me: MachineRecord,
  isCurrent: (key: string) => boolean,
): Turn {
  if (!isOrdered(unit.wants)) return FREE;
  const lacking = unit.wants.requires.flatMap(
    (value) => missing(model, unit, value, me, isCurrent) ?? [],
  );
  const ended = lacking.find(({ kind }) => kind === "ends");
  if (ended !== undefined) return ended;
  const [lacks] = lacking;
  if (lacks !== undefined) return lacks;
  return awaited(model, unit, me) ?? FREE;
}

/** What keeps the unit from running for want of a unit that `value` names; undefined when one is wanted. */
function missing(
  model: ClusterModel,
  { name }: Unit,
  value: string,
  me: MachineRecord,
  isCurrent: (key: string) => boolean,
): Wait | undefined {
  const text = expandMachineSpecifiers(value, me);
  if (text === name) return undefined; // by its template's text
  const names = named(model, text).filter((other) => other !== name);
  const jobs = names.map((other) => model.jobs.get(other)).filter((job) => job !== undefined);
  if (jobs.some(isWanted)) return undefined;
  const what = `${isPeerGlob(text) ? "one of " : ""}${text}, which it requires`;
  const waits = (why: string): Wait => ({ kind: "waits", lack: `${what}: ${why}`, for: [] });
  if (jobs.some((job) => job.hash !== undefined && !isKnown(job)))
    return waits("what is desired of it cannot be read");
  const stopped = names.find((other) => isStopped(model, other, isCurrent));
  if (stopped === undefined) return waits("nobody has started it");
  const { hash, desired } = model.jobs.get(stopped) ?? {};
  const how = hash === undefined ? "was destroyed" : `has the desired state ${desired}`;
  return { kind: "ends", lack: `${what}: ${stopped} ${how}` };
}

/** What is wanted before the unit and does not serve yet. */
function awaited(model: ClusterModel, unit: Unit, me: MachineRecord): Wait | undefined {
  const { after, requires } = unit.wants;
  const values = [...after, ...requires].map((value) => expandMachineSpecifiers(value, me));
  const names = new Set(values.flatMap((value) => named(model, value)));
  const gaps = [...names].sort().flatMap((name) => {
    const job = model.jobs.get(name);
    if (name === unit.name || job === undefined || !isWanted(job)) return [];
    const gap = servingGap(model, job, me);
    return gap === undefined ? [] : [{ name, gap }];
  });
  if (gaps.length === 0) return undefined;
  const texts = gaps.slice(0, NAMED_MAX).map(({ name, gap }) => `${name}, which ${gap}`);
  const more = gaps.length > NAMED_MAX ? `; and for ${gaps.length - NAMED_MAX} more` : "";
  const lack = `${texts.join("; for ")}${more}`;
  return { kind: "waits", lack, for: gaps.map(({ name }) => name) };
}

/** Units that are there, or of whose removal it is known. */
function named(model: ClusterModel, value: string): UnitName[] {
  if (!isPeerGlob(value)) return [value as UnitName];
  const matches = globMatcher(value);
  return [...new Set([...model.jobs.keys(), ...model.destroyed])].filter(matches).sort();
}

function isKnown(job: Job): boolean {
  return job.unit !== undefined && job.desired !== undefined && job.isDesiredSaid;
}

/** Whether the unit is to be started somewhere, as far as can be told. */
function isWanted({ hash, unit, desired }: Job): boolean {
  return hash !== undefined && desired === "launched" && unit?.isTemplate !== true;
}

/** Whether it is on record that somebody does not want the unit started any more. */
function isStopped(
  model: ClusterModel,
  name: UnitName,
  isCurrent: (key: string) => boolean,
): boolean {
  const { keys } = model;
  const job = model.jobs.get(name);
  if (job?.hash !== undefined)
    return (
      isKnown(job) && job.unit?.isTemplate === false && isCurrent(keys.job(name, "target-state"))
    );
  return (
    model.isDestroyed(name) &&
    (isCurrent(keys.removed(name)) || isCurrent(keys.job(name, "object")))
  );
}
