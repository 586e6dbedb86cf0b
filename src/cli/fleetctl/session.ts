import type { Clock } from "#base/clock.ts";
import type { FaultCode } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import type { Api } from "./api.ts";
import type { Flags } from "./flags.ts";

/** What a command works with. */
export interface Session {
  readonly api: Api;
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly io: Io;
  readonly clock: Clock;
  /** Whether the command is one of the original, whose messages scripts may know. */
  readonly isOriginal: boolean;
  /** Prints a line of results. */
  readonly out: (line: string) => void;
  /** Prints a line for people; with `--json` an object for programs, with the code of the error where one is known. */
  readonly err: (line: string, code?: FaultCode) => void;
  /** The same for what does not keep the command from its work. */
  readonly warn: (lines: string) => void;
}

/** A command of fleetctl; resolves with the exit status. */
export type RunCommand = (session: Session) => Promise<number>;
