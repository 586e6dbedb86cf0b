import type { SchemaVersion } from "#fleet/core/rollout-schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { HASH_LENGTH, withIds } from "./legends.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/** `history`: the texts that a unit had, when, by whom and why. */
export async function runHistory(session: Session): Promise<number> {
  const { api, args, err, flags } = session;
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0) {
    err("One unit must be provided", "USAGE");
    return 1;
  }
  const name = unitNameOf(arg);
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
