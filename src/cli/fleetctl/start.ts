import { checkBlocking, isNotBlocking } from "./blocking.ts";
import { bringUnits } from "./bring-units.ts";
import { followRollouts } from "./follow-rollout.ts";
import type { Session } from "./session.ts";
import { type WaitOptions, waitForUnits } from "./wait.ts";

export function runStart(session: Session): Promise<number> {
  return bringAndWait(session, { goal: "launched", reports: "launched" }, "start");
}

export function runLoad(session: Session): Promise<number> {
  return bringAndWait(session, { goal: "stopped", reports: "loaded" }, "load");
}

async function bringAndWait(
  session: Session,
  options: WaitOptions,
  verb: "start" | "load",
): Promise<number> {
  const { args, err, out } = session;
  if (args.length === 0) {
    err("No units given");
    return 1;
  }
  checkBlocking(session);
  const starts = verb === "start";
  const brought = await bringUnits(
    session,
    starts ? "launched" : "loaded",
    starts ? "starting" : "loading",
  );
  const changed = brought.units.filter((unit) => unit.changed);
  for (const unit of changed) if (unit.isGlobal) out(`Triggered global unit ${unit.name} ${verb}`);
  if (isNotBlocking(session)) {
    for (const unit of changed) if (!unit.isGlobal) out(`Triggered unit ${unit.name} ${verb}`);
    return brought.failed ? 1 : 0;
  }
  const returned = await followRollouts(session, brought.units);
  const waiting = brought.units
    .filter((unit) => !unit.isGlobal && !returned.has(unit.name))
    .map((unit) => ({ ...unit, announce: unit.changed ? "always" : "unless at once" }) as const);
  const problems = await waitForUnits(session, waiting, options).catch((error: unknown) => {
    if (session.io.signal.aborted) tellStillWanted(session, waiting, verb);
    throw error;
  });
  for (const problem of problems) err(`Error waiting for units: ${problem}`);
  return brought.failed || returned.size > 0 || problems.length > 0 ? 1 : 0;
}

/** An interrupted wait takes nothing back. */
function tellStillWanted(
  { err }: Session,
  units: readonly { readonly name: string }[],
  verb: "start" | "load",
): void {
  const names = units.map((unit) => unit.name).join(" ");
  const what =
    units.length === 1
      ? `unit ${names} stays wanted and ${verb}s when it can`
      : `the units stay wanted and ${verb} when they can`;
  err(`Interrupted: ${what}; to take that back, run: fleetctl unload ${names}`);
}
