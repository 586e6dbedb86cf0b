import type { SchemaUnit } from "#fleet/core/schema.ts";
import { checkBlocking, isNotBlocking } from "./blocking.ts";
import { mapConcurrently } from "./concurrent.ts";
import { findUnits } from "./find-units.ts";
import type { Session } from "./session.ts";
import { expected, setState } from "./set-state.ts";
import { isGlobalUnit } from "./units.ts";
import { type WaitOptions, waitForUnits } from "./wait.ts";

/** Stops units, waits for that, then starts them: to set both states at once would change nothing. */
export async function runRestart(session: Session): Promise<number> {
  const { args, err, out } = session;
  if (args.length === 0) {
    err("No units given");
    return 1;
  }
  checkBlocking(session);
  const { units, missing } = await findUnits(session);
  for (const name of missing) err(`Unable to restart unit ${name}: it is not in the registry`);
  const able = units.filter((unit) => unit.desiredState !== "inactive");
  for (const { name } of units)
    if (!able.some((unit) => unit.name === name))
      err(`Unable to restart unit ${name} in state inactive`);

  const running = able.filter((unit) => unit.desiredState === "launched");
  const halted = await bring(session, running, HALT);
  for (const unit of able)
    if (isGlobalUnit(unit)) out(`Triggered global unit ${unit.name} restart`);
    else if (isNotBlocking(session)) out(`Triggered unit ${unit.name} restart`);
  // Those that did not stop in time are started all the same: a restart must not leave a unit stopped.
  const started = await bring(session, able, START);
  return halted && started && able.length === units.length && missing.length === 0 ? 0 : 1;
}

interface Step {
  readonly target: "loaded" | "launched";
  readonly wait: WaitOptions;
}

const HALT: Step = {
  target: "loaded",
  wait: { goal: "stopped", unplacedIsReached: true, reports: "loaded" },
};
const START: Step = { target: "launched", wait: { goal: "launched", reports: "launched" } };

/** Sets the state of units and waits until they are there; resolves with whether all are. */
async function bring(session: Session, units: readonly SchemaUnit[], step: Step): Promise<boolean> {
  const { err, io } = session;
  const refusals = await mapConcurrently(units, (unit) =>
    setState(session, unit.name, step.target),
  );
  for (const refusal of refusals)
    if (refusal !== undefined) err(`Error restarting units: ${refusal}`);
  const waiting = units
    .filter((unit, i) => refusals[i] === undefined && mustWait(session, unit, step))
    .map((unit) => expected(unit, isGlobalUnit(unit) ? "never" : "always"));
  try {
    const problems = await waitForUnits(session, waiting, step.wait);
    for (const problem of problems) err(`Error waiting for units: ${problem}`);
    return problems.length === 0 && refusals.every((refusal) => refusal === undefined);
  } catch (error) {
    if (io.signal.aborted && step === HALT)
      err(
        `Interrupted: not started again; run: fleetctl start ${units.map((u) => u.name).join(" ")}`,
      );
    throw error;
  }
}

/** Stopping is always waited for; starting unless told otherwise, and never for global units. */
function mustWait(session: Session, unit: SchemaUnit, step: Step): boolean {
  return step === HALT || (!isNotBlocking(session) && !isGlobalUnit(unit));
}
