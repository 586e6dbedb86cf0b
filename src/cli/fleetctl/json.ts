import type { FaultCode } from "#base/fault.ts";
import type { Session } from "./session.ts";

/** Whether results and errors are to be JSON. */
export function inJson({ flags }: Pick<Session, "flags">): boolean {
  return flags.isOn("json");
}

/** Prints the results of a command as one array, an object for each; docs/reference-fleetctl.md lists their members. */
export function printJson({ io }: Pick<Session, "io">, rows: readonly object[]): void {
  io.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
}

/** A line of stderr that says what went wrong; the code is one of docs/errors.md, and absent where none fits. */
export function jsonError(message: string, code: FaultCode | undefined): string {
  return `${JSON.stringify({ error: { ...(code !== undefined && { code }), message } })}\n`;
}

/** A line of stderr about something that the command goes on in spite of. */
export function jsonWarning(message: string): string {
  return `${JSON.stringify({ warning: { message } })}\n`;
}
