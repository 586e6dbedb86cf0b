import { bringUnits } from "./bring-units.ts";
import type { Session } from "./session.ts";

export async function runSubmit(session: Session): Promise<number> {
  if (session.args.length === 0) {
    session.err("No units given");
    return 1;
  }
  const { failed } = await bringUnits(session, "inactive", "creating");
  return failed ? 1 : 0;
}
