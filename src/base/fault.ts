/**
 * Every operating error a user or a client can see, with the exit status of a program that ends by it
 * (sysexits.h) and the HTTP status of an API that answers with it. docs/errors.md explains each.
 */
export const FAULTS = {
  USAGE: { exit: 2, http: 400 },
  CONFIG_INVALID: { exit: 78, http: 500 }, // EX_CONFIG
  ADDRESS_IN_USE: { exit: 69, http: 500 }, // EX_UNAVAILABLE
  FILE_UNREADABLE: { exit: 66, http: 500 }, // EX_NOINPUT
  FILE_UNWRITABLE: { exit: 73, http: 500 }, // EX_CANTCREAT
  LOG_CORRUPT: { exit: 65, http: 500 }, // EX_DATAERR
  LOG_IO: { exit: 74, http: 500 }, // EX_IOERR
  STORE_UNAVAILABLE: { exit: 75, http: 503 }, // EX_TEMPFAIL
  STORE_REFUSED: { exit: 77, http: 401 }, // EX_NOPERM
  ETCD_MISSING: { exit: 69, http: 503 }, // EX_UNAVAILABLE
  MEMBER_REMOVED: { exit: 69, http: 410 }, // EX_UNAVAILABLE
  RECORD_MALFORMED: { exit: 65, http: 500 }, // EX_DATAERR
  UNIT_NAME_INVALID: { exit: 2, http: 400 },
  UNIT_FILE_INVALID: { exit: 65, http: 400 },
  UNIT_NOT_FOUND: { exit: 1, http: 404 },
  UNIT_NOT_RUNNING: { exit: 1, http: 409 },
  MACHINE_NOT_FOUND: { exit: 1, http: 404 },
  MACHINE_ID_TAKEN: { exit: 69, http: 409 }, // EX_UNAVAILABLE
  DISCOVERY_REFUSED: { exit: 69, http: 502 }, // EX_UNAVAILABLE
  FLEET_REFUSED: { exit: 1, http: 400 },
  FLEET_UNREACHABLE: { exit: 69, http: 502 }, // EX_UNAVAILABLE
  CLOUD_CONFIG_INVALID: { exit: 65, http: 400 },
  SOURCE_FAILED: { exit: 1, http: 502 },
  MACHINE_REFUSED: { exit: 1, http: 500 },
  RUN_UNKNOWN: { exit: 75, http: 503 }, // EX_TEMPFAIL
  LEASE_OVER: { exit: 75, http: 503 }, // EX_TEMPFAIL
  SYSTEMD_MISSING: { exit: 69, http: 503 },
  SYSTEMD_GONE: { exit: 75, http: 503 },
  SYSTEMD_FAILED: { exit: 1, http: 500 },
  TIMED_OUT: { exit: 75, http: 504 },
} as const;
export type FaultCode = keyof typeof FAULTS;

/**
 * An operating error: expected, handled, shown to a person.
 * The message reads `Cannot ACTION OBJECT: what is so, and what to do`.
 * Programmer errors are plain assertion failures and crash the process.
 */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly code: FaultCode;
  /** Facts for logs and JSON output; the message must read well without them. */
  readonly facts: Readonly<Record<string, string | number>>;

  constructor(
    code: FaultCode,
    message: string,
    options: { cause?: unknown; facts?: Record<string, string | number> } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.facts = options.facts ?? {};
  }
}

/** The text of anything thrown, for the end of a message. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is Node's system error with this code, such as `ENOENT`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
