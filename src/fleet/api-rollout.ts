import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { isUnitName, type UnitName } from "#unitfile/core/unit-name.ts";
import { ApiRefusal } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import { beginRollout } from "./core/begin-rollout.ts";
import { rolloutKey, writeRollout } from "./core/rollout.ts";
import type { SchemaRollout } from "./core/rollout-schema.ts";
import { supersedeRollout } from "./core/supersede-rollout.ts";
import { type Unit, unitOf } from "./core/unit.ts";
import { earlierVersion } from "./core/unit-history.ts";
import type { UnitRequest } from "./core/unit-request.ts";
import { viewRollout } from "./core/view-rollout.ts";
import { noteVersion } from "./note-version.ts";
import { asSeen, isKeysError } from "./registry.ts";
import { hashOf } from "./unit-files.ts";

/** What of the API's context giving a unit a text takes. */
export type TextContext = Pick<ApiContext, "feed" | "registry" | "clock">;

type Creation = Extract<UnitRequest, { kind: "create" }>;

/** Two people who change the same rollout: the second looks again. */
const ATTEMPTS_MAX = 20;
const AGAIN_MS = 50; // what others wrote shows by then

/**
 * Gives a unit a text: at once, or by the rollout that the text asks for, which the leading engine then carries on.
 * @returns the store's index at which that is in force
 */
export async function putText(
  context: TextContext,
  asked: Creation,
  who: string,
  signal: AbortSignal,
): Promise<number> {
  const { feed, registry, clock } = context;
  const { model } = feed;
  const { name, raw, desired } = asked;
  const before = model.jobs.get(name);
  const hash = hashOf(raw);
  const next = unitOf(name, hash, raw);
  const at = clock.now().toISOString();
  const version = { hash, at, by: who, why: whyVersion(context, asked, hash) };
  const isRollout =
    !("problem" in next) && beginRollout(model, next, { by: who, at }) !== undefined;
  if (!isRollout) {
    if (!("problem" in next)) await endRolloutOf(context, next, who, signal);
    const facts = {
      blobInUse: model.jobsWithHash(hash).size > 0,
      tombstone: model.removed.has(name),
      replaces: asked.replaces,
      desired: before?.isDesiredSaid === true ? before.desired : undefined,
    };
    const [index] = await Promise.all([
      registry.createJob(name, raw, desired, facts, signal),
      noteVersion(context, name, version, signal),
    ]);
    return index;
  }
  await registry.writeText(raw, signal);
  await noteVersion(context, name, version, signal);
  const index = await writeRolloutOf(context, next, who, signal);
  return desired === before?.desired ? index : registry.setDesired(name, desired, signal);
}

/** Notes the rollout, and gives the template itself its text; what does not get through the engine makes up for. */
async function writeRolloutOf(
  { feed, registry, clock }: TextContext,
  next: Unit,
  by: string,
  signal: AbortSignal,
): Promise<number> {
  const { model } = feed;
  return untilUnchanged(clock, signal, async () => {
    const begun = beginRollout(model, next, { by, at: clock.now().toISOString() });
    if (begun === undefined) throw changedMeanwhile(next.name);
    const { key, rollout } = begun;
    const over = model.notes.rollouts.get(key)?.index;
    const at = { room: "rollouts", unit: key } as const;
    const index = await registry.writeNote(at, writeRollout(rollout), asSeen(over), signal);
    const object = feed.indexOf(model.keys.job(next.name, "object"));
    if (!next.isTemplate || object === undefined) return index;
    return registry.setText(next.name, next.hash, object, signal);
  });
}

/** Notes that what rolls is not to give the unit the text that it was about to, before it is given another one at once. */
async function endRolloutOf(
  { feed: { model }, registry, clock }: TextContext,
  next: Unit,
  by: string,
  signal: AbortSignal,
): Promise<void> {
  await untilUnchanged(clock, signal, async () => {
    const ended = supersedeRollout(model, next, by);
    if (ended === undefined) return;
    const { key, rollout } = ended;
    const at = { room: "rollouts", unit: key } as const;
    const over = model.notes.rollouts.get(key)?.index;
    await registry.writeNote(at, writeRollout(rollout), asSeen(over), signal);
  });
}

/** Again from the start while somebody else changes what was looked at. */
async function untilUnchanged<T>(
  clock: Clock,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isKeysError(error, 100, 101, 105) || count === ATTEMPTS_MAX) throw error;
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}

function changedMeanwhile(name: UnitName): Fault {
  return new Fault(
    "FLEET_REFUSED",
    `Cannot replace ${name}: somebody changed it meanwhile; look at it and try again`,
    { facts: { status: 409 } },
  );
}

function whyVersion({ feed }: TextContext, { name, replaces }: Creation, hash: string): string {
  const earlier = earlierVersion(feed.model.notes.history.get(name)?.value, hash);
  if (replaces && earlier !== undefined) return `reverted to version ${earlier.number}`;
  return replaces ? "replaced" : "submitted";
}

/**
 * The rollout that the unit, or its template, is in or was in last.
 * @throws {ApiRefusal} 404 when there is none
 */
export function rolloutOf({ feed }: ApiContext, name: string): SchemaRollout {
  const key = isUnitName(name) ? rolloutKey(name) : undefined;
  const rollout = key && feed.model.notes.rollouts.get(key)?.value;
  const concerns =
    key === name ||
    rollout?.members.some(({ unit }) => unit === name) === true ||
    rollout === undefined;
  if (key === undefined || rollout === undefined || !concerns)
    throw new ApiRefusal(404, `unit ${name} is in no rollout`);
  return viewRollout(key, rollout);
}

/**
 * Takes a rollout back that is under way: what it changed gets the texts it had.
 * @returns the store's index at which that is in force
 * @throws {ApiRefusal} 409 when none is under way
 */
export async function takeBack(
  { feed, registry, clock }: TextContext,
  name: string,
  who: string,
  signal: AbortSignal,
): Promise<number> {
  return untilUnchanged(clock, signal, async () => {
    const key = isUnitName(name) ? rolloutKey(name) : undefined;
    const note = key && feed.model.notes.rollouts.get(key);
    if (key === undefined || note?.value.state !== "running")
      throw new ApiRefusal(409, `no rollout of unit ${name} is under way`);
    const returning = { ...note.value, state: "returning", why: `taken back by ${who}` } as const;
    const at = { room: "rollouts", unit: key } as const;
    return registry.writeNote(at, writeRollout(returning), asSeen(note.index), signal);
  });
}
