import { Fault } from "#base/fault.ts";
import type { Session } from "./session.ts";

/**
 * What the API said, for the end of a message. Where it refused, the form is that of the original's API library,
 * which scripts know: `googleapi: Error 400: …`. What is no Fault, such as an abort, or is about the command line goes on its way.
 */
export function apiSentence(error: unknown): string {
  if (!(error instanceof Fault) || error.code === "USAGE") throw error;
  const status = error.facts["status"];
  return status === undefined ? error.message : `googleapi: Error ${status}: ${error.message}`;
}

/** Says what could not be done because of this error, which is no Fault only when it is to go on its way. */
export function tellFailure({ err }: Pick<Session, "err">, head: string, error: unknown): void {
  err(`${head}: ${apiSentence(error)}`, error instanceof Fault ? error.code : undefined);
}
