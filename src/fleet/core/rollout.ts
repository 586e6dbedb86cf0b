import * as v from "valibot";
import { isUnitName, type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { UpdatePolicy } from "#unitfile/core/update-policy.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { type Parsed, readJson } from "./records.ts";

/** How far a member is. One that is `left` has nothing more to do with the rollout: `why` says what became of it. */
export type Phase = "waiting" | "updating" | "healthy" | "returning" | "returned" | "left";

/** What a rollout changes: a unit, or a global unit on one machine. */
export interface Member {
  readonly unit: UnitName;
  /** Of a global unit; undefined for one that is placed. */
  readonly machine: MachineId | undefined;
  /** Hash of the text to go back to. */
  readonly from: string;
  /** Hash of the text it had when the rollout began; not `from` if an earlier rollout had not seen that healthy. */
  readonly had: string;
  readonly to: string;
  /** Whether it had a machine when it joined; one without cannot be seen healthy. */
  readonly placed: boolean;
  readonly phase: Phase;
  /** The machine where the old copy goes on beside the new one, for start-first. */
  readonly held: MachineId | undefined;
  /** Why it is as it is, where that needs saying. */
  readonly why: string;
}

/** `returning` puts back what was changed; `done` and `returned` are over. */
export type RolloutState = "running" | "returning" | "done" | "returned";

/** A text on its way over all that are to have it. It is kept under the name of the template, or of the unit. */
export interface Rollout {
  readonly state: RolloutState;
  readonly policy: UpdatePolicy;
  /** Hashes of the text that is replaced and of the one that replaces it. */
  readonly from: string;
  readonly to: string;
  /** Whether the text of the template itself changes, not just that of instances. */
  readonly template: boolean;
  readonly by: string;
  /** In UTC as ISO 8601 gives it; `ended` is undefined until it is over. */
  readonly began: string;
  readonly ended: string | undefined;
  /** Why it returns or returned, or goes no further than it is. */
  readonly why: string;
  readonly members: readonly Member[];
}

const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/, "expected a hash"));
const Text = v.nullish(v.string(), "");
const Machine = v.nullish(v.pipe(v.string(), v.check(isMachineId, "expected a machine id")));
const Wire = v.object({
  state: v.picklist(["running", "returning", "done", "returned"]),
  policy: v.object({
    parallel: v.union([v.object({ count: v.number() }), v.object({ percent: v.number() })]),
    order: v.picklist(["stop-first", "start-first"]),
    monitorMs: v.number(),
  }),
  from: Hash,
  to: Hash,
  template: v.boolean(),
  by: Text,
  began: Text,
  ended: v.nullish(v.string()),
  why: Text,
  members: v.array(
    v.object({
      unit: v.pipe(v.string(), v.check(isUnitName, "expected a unit's name")),
      machine: Machine,
      from: Hash,
      had: Hash,
      to: Hash,
      placed: v.boolean(),
      phase: v.picklist(["waiting", "updating", "healthy", "returning", "returned", "left"]),
      held: Machine,
      why: Text,
    }),
  ),
});

export function readRollout(json: string): Parsed<Rollout> {
  return readJson(Wire, json, (wire) => ({
    ...wire,
    ended: wire.ended ?? undefined,
    members: wire.members.map((member) => ({
      ...member,
      unit: member.unit as UnitName,
      machine: (member.machine ?? undefined) as MachineId | undefined,
      held: (member.held ?? undefined) as MachineId | undefined,
    })),
  }));
}

export function writeRollout(rollout: Rollout): string {
  return JSON.stringify(rollout);
}

/** The name that rollouts of the unit are kept under: instances of a template roll together. */
export function rolloutKey(unit: UnitName): UnitName {
  return (unitNameParts(unit).template as UnitName | undefined) ?? unit;
}

export type ActiveRollout = Rollout & { readonly state: "running" | "returning" };

export function isActive(rollout: Rollout | undefined): rollout is ActiveRollout {
  return rollout?.state === "running" || rollout?.state === "returning";
}

/** Whether the member may be down because of the rollout. */
export function isUnderWay({ phase }: Member): boolean {
  return phase === "updating" || phase === "returning";
}

/** Hashes of all texts that may yet be needed, to go on or back. */
export function* textsOf({ from, to, members }: Rollout): Generator<string> {
  yield from;
  yield to;
  for (const member of members) yield* [member.from, member.had, member.to];
}

/** The hash of the text that a machine is to have of a global unit while it rolls; undefined for what the job says. */
export function textOnMachine(
  rollout: Rollout | undefined,
  machine: MachineId,
): string | undefined {
  if (!isActive(rollout)) return undefined;
  const member = rollout.members.find((one) => one.machine === machine);
  switch (member?.phase) {
    case "updating":
    case "healthy":
      return member.to;
    case "waiting":
      return member.had;
    case "returning":
    case "returned":
      return member.from;
    case "left":
    case undefined:
      return undefined;
  }
}

/** The hash of the text whose old copy goes on, on this machine, beside the new one elsewhere. */
export function heldText(
  rollout: Rollout | undefined,
  unit: UnitName,
  machine: MachineId,
): string | undefined {
  if (!isActive(rollout)) return undefined;
  return rollout.members.find((one) => one.unit === unit && one.held === machine)?.from;
}

/** For people: the member's name, and its machine if that is what sets it apart. */
export function memberName({ unit, machine }: Pick<Member, "unit" | "machine">): string {
  return machine === undefined ? unit : `${unit} on ${machine}`;
}

/** A member that has its turn before it. */
export function joining(
  about: Pick<Member, "unit" | "machine" | "from" | "had" | "to" | "placed">,
): Member {
  return { ...about, phase: "waiting", held: undefined, why: "" };
}
