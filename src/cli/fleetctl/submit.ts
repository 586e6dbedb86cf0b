import { checkBlocking, isNotBlocking } from "./blocking.ts";
import { bringUnits } from "./bring-units.ts";
import { followRollouts } from "./follow-rollout.ts";
import { olderTexts } from "./older-texts.ts";
import type { Session } from "./session.ts";
import { isTemplate } from "./units.ts";

export async function runSubmit(session: Session): Promise<number> {
  if (session.args.length === 0) {
    session.err("No units given");
    return 1;
  }
  checkBlocking(session);
  const { failed, units } = await bringUnits(session, "inactive", "creating");
  const still = units.filter(
    ({ changed, isNew, name, rolls }) => changed && !isNew && !rolls && isTemplate(name),
  );
  for (const note of await olderTexts(session, still))
    session.warn(`${note}; to change these, start them with --replace`);
  if (isNotBlocking(session)) return failed ? 1 : 0;
  const returned = await followRollouts(session, units);
  return failed || returned.size > 0 ? 1 : 0;
}
