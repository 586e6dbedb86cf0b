import { Fault } from "#base/fault.ts";

/**
 * What the API said, for the end of a message. Where it refused, the form is that of the original's API library,
 * which scripts know: `googleapi: Error 400: …`. What is no Fault, such as an abort, goes on its way.
 */
export function apiSentence(error: unknown): string {
  if (!(error instanceof Fault)) throw error;
  const status = error.facts["status"];
  return status === undefined ? error.message : `googleapi: Error ${status}: ${error.message}`;
}
