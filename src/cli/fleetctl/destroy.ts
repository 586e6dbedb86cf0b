import { checkBlocking } from "./blocking.ts";
import { mapConcurrently } from "./concurrent.ts";
import { findUnitsOrComplain } from "./find-units.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { expected } from "./set-state.ts";
import { waitForUnits } from "./wait.ts";

/** Does not wait for machines to stop the units, unless `--block-attempts` says for how long. */
export async function runDestroy(session: Session): Promise<number> {
  const { api, err, flags, out } = session;
  checkBlocking(session);
  const found = await findUnitsOrComplain(session, { templates: true });
  if (found === undefined) return 1;
  const refusals = await mapConcurrently(found.units, async ({ name }) => {
    try {
      await api.destroy(name); // one that went away meanwhile is destroyed too
      return undefined;
    } catch (error) {
      return apiSentence(session, error);
    }
  });
  const destroyed = found.units.filter((_, i) => refusals[i] === undefined);
  const problems =
    flags.number("block-attempts") > 0
      ? await waitForUnits(
          session,
          destroyed.map((unit) => expected(unit, "never")),
          {
            goal: "inactive",
            reports: "inactive",
          },
        )
      : [];
  for (const { name } of destroyed) out(`Destroyed ${name}`);
  for (const refusal of [...refusals, ...problems])
    if (refusal !== undefined) err(`Error destroying units: ${refusal}`);
  const complete = destroyed.length === found.units.length && found.missing.length === 0;
  return complete && problems.length === 0 ? 0 : 1;
}
