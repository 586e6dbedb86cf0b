import type { SchemaVersion } from "#fleet/core/rollout-schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { HASH_LENGTH, withIds } from "./legends.ts";
import { oneUnit } from "./one-unit.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

/** `history`: the texts that a unit had, when, by whom and why. */
export async function runHistory(session: Session): Promise<number> {
  const { api, flags } = session;
  const name = oneUnit(session);
  if (name === undefined) return 1;
  const full = flags.bool("full");
  try {
    const { versions } = await api.history(name);
    const columns: Columns<SchemaVersion> = {
      version: ({ number }) => String(number),
      hash: ({ hash }) => hash.slice(0, full ? undefined : HASH_LENGTH),
      current: ({ current }) => (current ? "current" : ""),
      at: ({ at }) => at.replace(/\.\d+Z$/, "Z"),
      by: ({ by }) => withIds(by, full),
      why: ({ why }) => withIds(why, full),
    };
    if (inJson(session)) printJson(session, versions);
    else printTable(session, versions, Object.keys(columns), columns);
    return 0;
  } catch (error) {
    tellFailure(session, `Error retrieving history of unit ${name}`, error);
    return 1;
  }
}
