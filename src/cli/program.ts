import type { Readable, Writable } from "node:stream";

/** The world as a program sees it, so that tests can stand in for it. */
export interface Io {
  readonly stdin: Readable;
  /** Results. */
  readonly stdout: Writable;
  /** Messages for people. */
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborts when the person or systemd asks the program to end. */
  readonly signal: AbortSignal;
}

/** A command line without the program's name; resolves with the exit status. Faults are printed by `main`. */
export type Program = (args: readonly string[], io: Io) => Promise<number>;

/** Whether a person reads or types there. */
export function isTerminal(stream: Readable | Writable): boolean {
  return "isTTY" in stream && stream.isTTY === true;
}
