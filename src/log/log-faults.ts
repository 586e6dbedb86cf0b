import { Fault, reasonOf } from "#base/fault.ts";

// Primary result codes of SQLite (sqlite3.h), the low byte of an error's `errcode`.
const ERROR = 1; // the statement does not fit the database: a table is missing
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

/** What an error of the database means for the log in `path`. */
export function databaseFault(
  path: string,
  error: unknown,
  advice = "see that the disk has space and works, then start again",
): Fault {
  if (error instanceof Fault) return error;
  const code = sqliteCode(error);
  if (code === ERROR || code === CORRUPT || code === NOT_A_DATABASE)
    return corrupt(path, reasonOf(error), error);
  return new Fault("LOG_IO", `Cannot write or read ${path}: ${reasonOf(error)}; ${advice}`, {
    cause: error,
  });
}

export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === BUSY;
}

export function isFull(error: unknown): boolean {
  return sqliteCode(error) === FULL;
}

/** Entries that were acknowledged are not there. */
export function lostEnd(path: string, last: number, acknowledged: number): Fault {
  return corrupt(
    path,
    `it ends at entry ${last}, but entry ${acknowledged} was acknowledged: its end is damaged or missing`,
  );
}

/** @param what is wrong, with the index where that is known. */
export function corrupt(path: string, what: string, cause?: unknown): Fault {
  return new Fault(
    "LOG_CORRUPT",
    `Cannot trust the log ${path}: ${what}; nothing was changed: restore a backup into another directory with "keelson etcd2 restore", or take what comes before the damage with "keelson etcd2 backup --damaged"`,
    { cause, facts: { damage: what } },
  );
}

/** A corrupt log that holds nothing whole before its damage. */
export function beyondUse(path: string, cause: Fault): Fault {
  return new Fault(
    "LOG_CORRUPT",
    `Cannot take anything from the log ${path}: ${cause.facts["damage"]}, and nothing before that is whole; keep the directory, and restore the last backup into another with "keelson etcd2 restore", or start with an empty one`,
    { cause },
  );
}

function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}
