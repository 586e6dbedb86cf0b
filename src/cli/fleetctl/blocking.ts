import { Fault } from "#base/fault.ts";
import type { Session } from "./session.ts";

/** Whether waiting can be skipped: the person does not want to. */
export function isNotBlocking(session: Session): boolean {
  return session.flags.bool("no-block");
}

/** @throws {Fault} USAGE */
export function checkBlocking(session: Session): void {
  if (session.flags.number("block-attempts") < 0)
    throw new Fault("USAGE", "Cannot use --block-attempts below 0; 0 waits without limit");
}
