import { hostname } from "node:os";
import type { SchemaAsker } from "#fleet/core/schema.ts";
import type { Session } from "./session.ts";

/** Who runs this command, and why, for the record. */
export function askerOf({ flags, io: { env } }: Pick<Session, "flags" | "io">): SchemaAsker {
  const user = env["SUDO_USER"] || env["USER"] || env["LOGNAME"] || "somebody";
  return { by: `${user}@${hostname()}`, why: flags.text("why") };
}
