import { Fault } from "#base/fault.ts";
import { askerOf } from "./asker.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/** `trigger`: has units of the clock run now. */
export async function runTrigger(session: Session): Promise<number> {
  const { api, args, err, out } = session;
  if (args.length === 0) {
    err("No units given", "USAGE");
    return 1;
  }
  const names = args.map(unitNameOf);
  const done = await mapConcurrently(names, (name) =>
    settle(() => api.trigger(name, askerOf(session))),
  );
  for (const [i, one] of done.entries())
    if (one.isDone) out(`Triggered unit ${names[i]}`);
    else if (one.error instanceof Fault && one.error.code === "UNIT_NOT_FOUND")
      err(`Unit ${names[i]} does not exist.`, one.error.code);
    else tellFailure(session, `Error triggering unit ${names[i]}`, one.error);
  return done.every(({ isDone }) => isDone) ? 0 : 1;
}
