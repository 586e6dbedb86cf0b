import type { SchemaUnit } from "#fleet/core/schema.ts";
import { checkBlocking, isNotBlocking } from "./blocking.ts";
import { mapConcurrently } from "./concurrent.ts";
import { findUnitsOrComplain } from "./find-units.ts";
import type { Session } from "./session.ts";
import { expected, setState } from "./set-state.ts";
import { isGlobalUnit } from "./units.ts";
import { type WaitOptions, waitForUnits } from "./wait.ts";

interface Verb {
  readonly verb: "stop" | "unload";
  readonly past: "stopped" | "unloaded";
  readonly target: "loaded" | "inactive";
  readonly wait: WaitOptions;
}

const STOP: Verb = {
  verb: "stop",
  past: "stopped",
  target: "loaded",
  wait: { goal: "stopped", unplacedIsReached: true, reports: "loaded" },
};
const UNLOAD: Verb = {
  verb: "unload",
  past: "unloaded",
  target: "inactive",
  wait: { goal: "inactive", reports: "inactive" },
};

export function runStop(session: Session): Promise<number> {
  return halt(session, STOP);
}

export function runUnload(session: Session): Promise<number> {
  return halt(session, UNLOAD);
}

async function halt(session: Session, how: Verb): Promise<number> {
  const { err } = session;
  checkBlocking(session);
  const found = await findUnitsOrComplain(session);
  if (found === undefined) return 1;
  // A unit that is not even wanted loaded: stopping would load it.
  const idle = how === STOP ? found.units.filter((unit) => unit.desiredState === "inactive") : [];
  for (const { name } of idle) err(`Unable to stop unit ${name} in state inactive`);
  const units = found.units.filter((unit) => !idle.includes(unit));
  if (units.length === 0) return 1;

  const changing = units.filter((unit) => unit.desiredState !== how.target || isGlobalUnit(unit));
  const refusals = await mapConcurrently(changing, ({ name }) =>
    setState(session, name, how.target),
  );
  for (const refusal of refusals)
    if (refusal !== undefined) err(`Error setting units to ${how.target}: ${refusal}`);
  const changed = changing.filter((_, i) => refusals[i] === undefined);
  const asked = units.filter((unit) => changed.includes(unit) || !changing.includes(unit));
  if (asked.length === 0) return 1;

  const problems = await waitFor(session, asked, changed, how);
  const names = changed.filter((unit) => !isGlobalUnit(unit)).map((unit) => unit.name);
  if (problems.length === 0) err(`Successfully ${how.past} units [${names.join(" ")}].`);
  else err(`Failed to ${how.verb} units [${names.join(" ")}]. err: ${problems.join("; ")}`);
  const done = problems.length === 0 && changed.length === changing.length;
  return done && idle.length === 0 && found.missing.length === 0 ? 0 : 1;
}

/** Waits for units that run on one machine, also for those that were on their way already. */
async function waitFor(
  session: Session,
  units: readonly SchemaUnit[],
  changed: readonly SchemaUnit[],
  how: Verb,
): Promise<string[]> {
  for (const unit of changed)
    if (isGlobalUnit(unit)) session.out(`Triggered global unit ${unit.name} ${how.verb}`);
    else if (isNotBlocking(session)) session.out(`Triggered unit ${unit.name} ${how.verb}`);
  if (isNotBlocking(session)) return [];
  const waiting = units
    .filter((unit) => !isGlobalUnit(unit))
    .map((unit) => expected(unit, changed.includes(unit) ? "always" : "unless at once"));
  return waitForUnits(session, waiting, how.wait);
}
