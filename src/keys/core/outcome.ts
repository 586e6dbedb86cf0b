import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError, type KeysErrorCode } from "#keys/core/keys-error.ts";

/** What the store did, and its index then. */
export interface Done {
  readonly event: KeyEvent;
  readonly index: number;
}

/** Why the store did nothing. A plain value, since refusals are frequent and stack traces cost. */
export interface Refusal {
  readonly code: KeysErrorCode;
  /** What exactly, such as the key; empty for the root. */
  readonly cause: string;
  readonly index: number;
}

export type Outcome = Done | Refusal;

export function isDone(outcome: Outcome): outcome is Done {
  return "event" in outcome;
}

/** @throws {KeysError} when the store refused. */
export function doneOrThrow(outcome: Outcome): Done {
  if (isDone(outcome)) return outcome;
  throw new KeysError(outcome.code, outcome.cause, outcome.index);
}
