import type { SchemaUnit, UnitStateName } from "#fleet/core/schema.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { traitsOf } from "./units.ts";
import type { Waiting } from "./wait.ts";

/** Sets a unit's desired state; resolves with what the API said when it refused. */
export async function setState(
  session: Session,
  name: string,
  target: UnitStateName,
): Promise<string | undefined> {
  try {
    await session.api.setDesiredState(name, target);
    return undefined;
  } catch (error) {
    return apiSentence(session, error);
  }
}

/** What to look for when waiting for a unit of the cluster. */
export function expected(unit: SchemaUnit, announce: Waiting["announce"]): Waiting {
  return { ...traitsOf(unit), isNew: false, announce };
}
