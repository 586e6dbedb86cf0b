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

const ATTEMPT_MS = 2_000; // what one of --block-attempts lasts, as in the original

/** How long to wait by `--block-attempts`; without limit by default. */
export function blockingMs({ flags }: Pick<Session, "flags">): number {
  const attempts = flags.number("block-attempts");
  return attempts > 0 ? attempts * ATTEMPT_MS : Number.POSITIVE_INFINITY;
}
