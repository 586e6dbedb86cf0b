/** etcd v2's error codes that the keys API answers with (etcd v2 error documentation). */
export const KEYS_ERRORS = {
  100: { message: "Key not found", http: 404 },
  101: { message: "Compare failed", http: 412 },
  102: { message: "Not a file", http: 403 },
  104: { message: "Not a directory", http: 400 },
  105: { message: "Key already exists", http: 412 },
  107: { message: "Root is read only", http: 400 },
  108: { message: "Directory not empty", http: 403 },
  110: { message: "The request requires user authentication", http: 401 },
  201: { message: "PrevValue is Required in POST form", http: 400 },
  202: { message: "The given TTL in POST form is not a number", http: 400 },
  203: { message: "The given index in POST form is not a number", http: 400 },
  209: { message: "Invalid field", http: 400 },
  210: { message: "Invalid POST form", http: 400 },
  211: { message: "Value provided on refresh", http: 400 },
  212: { message: "A TTL must be provided on refresh", http: 400 },
  300: { message: "Raft Internal Error", http: 500 },
  301: { message: "During Leader Election", http: 500 },
  400: { message: "watcher is cleared due to etcd recovery", http: 400 },
  401: { message: "The event in requested index is outdated and cleared", http: 400 },
} as const;
export type KeysErrorCode = keyof typeof KEYS_ERRORS;

/** An answer of the keys API that says no. A result of the protocol, not a fault of ours: callers branch on `code`. */
export class KeysError extends Error {
  override readonly name = "KeysError";
  readonly code: KeysErrorCode;
  /** What exactly, such as the key or `[old != new]`. */
  readonly keysCause: string;
  /** The store's index when it said so. */
  readonly index: number;

  constructor(code: KeysErrorCode, cause: string, index: number) {
    super(`${code}: ${KEYS_ERRORS[code].message} (${cause}) [${index}]`);
    this.code = code;
    this.keysCause = cause;
    this.index = index;
  }
}
