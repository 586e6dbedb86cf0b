import { Fault } from "#base/fault.ts";
import type { SchemaHistory, SchemaRollout, SchemaVersion } from "#fleet/core/rollout-schema.ts";
import type { SchemaUnit } from "#fleet/core/schema.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { checkBlocking, isNotBlocking } from "./blocking.ts";
import { follow, followRollouts, overBefore } from "./follow-rollout.ts";
import { HASH_LENGTH } from "./legends.ts";
import { olderTexts } from "./older-texts.ts";
import { oneUnit } from "./one-unit.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { isGlobalUnit, isRolling, isTemplate, traitsOf } from "./units.ts";
import { waitForUnits } from "./wait.ts";

/** `revert`: gives a unit, or a template and so its instances, an earlier text again. */
export async function runRevert(session: Session): Promise<number> {
  const { api, err } = session;
  const name = oneUnit(session);
  if (name === undefined) return 1;
  checkBlocking(session);
  try {
    const unit = await api.unit(name);
    if (unit === undefined) {
      err(`Unit ${name} does not exist.`, "UNIT_NOT_FOUND");
      return 1;
    }
    const rollout = await api.rollout(name);
    // One that goes no further has nothing to do with the text that the unit has now.
    const isNewest = rollout?.state === "running" && rollout.why === "";
    if (isNewest && session.flags.text("to") === "") return await takeBack(session, rollout);
    const number = versionOf(session, await api.history(name), wentBack(rollout, name));
    const [version] = (await api.history(name, number)).versions;
    return await putBack(session, unit, version!);
  } catch (error) {
    tellFailure(session, `Error reverting unit ${name}`, error);
    return 1;
  }
}

/** What is still on its way. */
async function takeBack(session: Session, rollout: SchemaRollout): Promise<number> {
  await session.api.takeBack(rollout.unit);
  session.out(`Rollout of ${rollout.unit} taken back`);
  if (isNotBlocking(session)) return 0;
  return (await follow(session, rollout, "returned")) ? 0 : 1;
}

async function putBack(
  session: Session,
  unit: SchemaUnit,
  version: SchemaVersion,
): Promise<number> {
  const { api, err, out } = session;
  const { desiredState, name } = unit;
  const options = version.options ?? [];
  const begunBefore = await overBefore(session, name);
  await api.create(name, options, desiredState);
  out(`Unit ${name} given version ${version.number} (${version.hash.slice(0, HASH_LENGTH)}) again`);
  if (isNotBlocking(session)) return 0;
  const failed = await followRollouts(session, [
    { name, hash: unitHash(options), rolls: isRolling({ name, options }), begunBefore },
  ]);
  if (failed.size > 0) return 1;
  if (isTemplate(name))
    for (const note of await olderTexts(session, [unit]))
      session.warn(`${note}; to change these, revert them or start them with --replace`);
  if (desiredState !== "launched" || isGlobalUnit({ name, options })) return 0;
  const waiting = [{ ...traitsOf({ name, options }), isNew: false, announce: "always" as const }];
  const how = { goal: "launched", reports: "launched" } as const;
  const problems = await waitForUnits(session, waiting, how);
  for (const problem of problems) err(`Error waiting for units: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

/** The hash of the text that everything went back from last, if it did: nobody who reverts means that one. */
function wentBack(rollout: SchemaRollout | undefined, name: string): string | undefined {
  if (rollout?.state !== "returned") return undefined;
  return rollout.unit === name ? rollout.to : rollout.members.find(({ unit }) => unit === name)?.to;
}

/**
 * `--to`, or the latest version with another text than the present one and the one that went back.
 * @throws {Fault} USAGE for a number that is none, UNIT_NOT_FOUND when there is no other text
 */
function versionOf(
  { flags }: Session,
  { unit, versions }: SchemaHistory,
  failed: string | undefined,
): number {
  const text = flags.text("to");
  if (text !== "") {
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new Fault(
      "USAGE",
      `Cannot use --to=${text}: expected the number of a version; see: fleetctl history ${unit}`,
    );
  }
  const now = versions.findLast(({ current }) => current) ?? versions.at(-1);
  const others = versions.filter((one) => one.hash !== now?.hash && one.number < now!.number);
  const before = others.findLast(({ hash }) => hash !== failed);
  if (before !== undefined) return before.number;
  const last = others.at(-1);
  const hint =
    last === undefined
      ? ""
      : `, but for version ${last.number}, which went back; --to=${last.number} gives it that again`;
  throw new Fault("UNIT_NOT_FOUND", `unit ${unit} has no earlier version on record${hint}`);
}
