import { Fault } from "#base/fault.ts";
import type { SchemaUnit } from "#fleet/core/schema.ts";
import { askerOf } from "./asker.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend } from "./legends.ts";
import { chooseMachine } from "./machine-args.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { expected } from "./set-state.ts";
import { unitNameOf } from "./unit-args.ts";
import { waitForUnits } from "./wait.ts";

/** `move UNIT MACHINE`. */
export async function runMove(session: Session): Promise<number> {
  const { api, args, err, flags } = session;
  const [unitWord, machineWord, ...more] = args;
  if (unitWord === undefined || machineWord === undefined || more.length > 0)
    throw new Fault("USAGE", "Cannot move: give one unit and one machine");
  const name = unitNameOf(unitWord);
  const machine = chooseMachine(machineWord, await api.machineList());
  const unit = await api.unit(name);
  if (unit === undefined) {
    err(`Unit ${name} does not exist.`, "UNIT_NOT_FOUND");
    return 1;
  }
  const force = flags.bool("force");
  return moveUnit(session, unit, machine.id, { force, isTold: true });
}

/** Moves one unit, says so, and waits until it is active there unless that is not wanted; gives the exit status. */
export async function moveUnit(
  session: Session,
  unit: SchemaUnit,
  machineID: string,
  { force = false, isTold }: { readonly force?: boolean; readonly isTold: boolean },
): Promise<number> {
  const { api, err, out } = session;
  const { name } = unit;
  const machines = await api.machines();
  const legend = machineLegend(machineID, machines, false);
  try {
    const { from, others } = await api.moveUnit(name, { ...askerOf(session), machineID, force });
    if (inJson(session)) {
      if (isTold) printJson(session, [{ unit: name, from, to: machineID }]);
    } else if (from === machineID) out(`Unit ${name} is on ${legend} already`);
    else out(`Unit ${name} moves from ${machineLegend(from, machines, false)} to ${legend}`);
    for (const { reason, to, unit: other } of others)
      err(
        `Unit ${other} goes to ${to === null ? "-" : machineLegend(to, machines, false)}: ${reason}`,
      );
  } catch (error) {
    tellFailure(session, `Error moving unit ${name}`, error);
    return 1;
  }
  if (session.flags.isOn("no-block") || unit.desiredState !== "launched") return 0;
  const waiting = [expected(unit, inJson(session) ? "never" : "always")] as const;
  const how = { goal: "launched", reports: "launched", limitMs: Number.POSITIVE_INFINITY } as const;
  const problems = await waitForUnits(session, waiting, { ...how, isSilent: inJson(session) });
  for (const problem of problems) err(`Error waiting for units: ${problem}`);
  return problems.length === 0 ? 0 : 1;
}
