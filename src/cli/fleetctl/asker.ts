import { hostname } from "node:os";
import type { SchemaAsker } from "#fleet/core/schema.ts";
import type { Session } from "./session.ts";

/** Who runs this command, and why, for the record. */
export function askerOf({ flags, io: { env } }: Pick<Session, "flags" | "io">): SchemaAsker {
  return { by: userAtHost(env), why: flags.text("why") };
}

/** Who runs this command, as `alice@laptop`. */
export function userAtHost(env: Session["io"]["env"]): string {
  const user = env["SUDO_USER"] || env["USER"] || env["LOGNAME"] || "somebody";
  return `${user}@${hostname()}`;
}
