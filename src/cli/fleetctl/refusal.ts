import { Fault } from "#base/fault.ts";
import type { Session } from "./session.ts";

/**
 * What the API said, for the end of a message. Where it refused a command of the original, the form is that of the
 * original's API library, which scripts know: `googleapi: Error 400: …`. What is no Fault, such as an abort, or is about
 * the command line goes on its way.
 */
export function apiSentence({ isOriginal }: Pick<Session, "isOriginal">, error: unknown): string {
  if (!(error instanceof Fault) || error.code === "USAGE") throw error;
  const status = isOriginal ? error.facts["status"] : undefined;
  return status === undefined ? error.message : `googleapi: Error ${status}: ${error.message}`;
}

/** Says what could not be done because of this error, which is no Fault only when it is to go on its way. */
export function tellFailure(
  session: Pick<Session, "err" | "isOriginal">,
  head: string,
  error: unknown,
): void {
  const code = error instanceof Fault ? error.code : undefined;
  session.err(`${head}: ${apiSentence(session, error)}`, code);
}
