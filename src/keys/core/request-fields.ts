import type { KeysErrorCode } from "#keys/core/keys-error.ts";
import type { Refusal } from "#keys/core/outcome.ts";

/**
 * One event ends the watch; or, as Keelson's own clients ask by `batch=true`, all that there are at once, one a line (a
 * genuine etcd does not know the word and answers with one); or they go on for as long as the client stays.
 */
export type WatchAnswers = "once" | "batch" | "stream";

/** What the form and the query of a request say; what they leave out has etcd's default. */
export interface RequestFields {
  readonly prevIndex: number;
  readonly waitIndex: number;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly wait: boolean;
  readonly dir: boolean;
  readonly quorum: boolean;
  readonly answers: WatchAnswers;
  readonly prevValue: string;
  readonly noValueOnSuccess: boolean;
  readonly ttl: bigint | undefined;
  readonly prevExist: boolean | undefined;
  readonly refresh: boolean;
  readonly value: string;
}

/** In etcd's order, which decides the mistake that is reported. */
export function readFields(
  form: ReadonlyMap<string, string>,
  method: string,
): RequestFields | Refusal {
  const reader = new FieldReader(form);
  const prevIndex = reader.index("prevIndex");
  const waitIndex = reader.index("waitIndex");
  const recursive = reader.flag("recursive");
  const sorted = reader.flag("sorted");
  const wait = reader.flag("wait");
  const dir = reader.flag("dir");
  const quorum = reader.flag("quorum");
  const stream = reader.flag("stream");
  if (wait && method !== "GET") reader.refuse(209, '"wait" can only be used with GET requests');
  const prevValue = form.get("prevValue") ?? "";
  if (prevValue === "" && form.has("prevValue")) reader.refuse(201, '"prevValue" cannot be empty');
  const noValueOnSuccess = reader.flag("noValueOnSuccess");
  const ttl = reader.ttl();
  const prevExist = form.has("prevExist") ? reader.flag("prevExist", "prevExist") : undefined;
  const refresh = reader.flag("refresh", "refresh");
  const value = form.get("value") ?? "";
  if (refresh && value !== "") reader.refuse(211, "A value was provided on a refresh");
  if (refresh && ttl === undefined) reader.refuse(212, "No TTL value set");
  if (reader.refusal) return reader.refusal;
  return {
    prevIndex,
    waitIndex,
    recursive,
    sorted,
    wait,
    dir,
    quorum,
    answers: stream ? "stream" : form.get("batch") === "true" ? "batch" : "once",
    prevValue,
    noValueOnSuccess,
    ttl,
    prevExist,
    refresh,
    value,
  };
}

/** Reads one field after another, and keeps the first mistake. */
class FieldReader {
  readonly #form: ReadonlyMap<string, string>;
  refusal: Refusal | undefined;

  constructor(form: ReadonlyMap<string, string>) {
    this.#form = form;
  }

  refuse(code: KeysErrorCode, cause: string): void {
    this.refusal ??= { code, cause, index: 0 };
  }

  /** 0 when the field is missing. Beyond 2^53 a double's nearest, which no index reaches. */
  index(name: string): number {
    const text = this.#form.get(name);
    if (text === undefined) return 0;
    const value = readUint(text);
    if (value === undefined) this.refuse(203, `invalid value for "${name}"`);
    return Number(value);
  }

  /** `shown` is what etcd calls it in a refusal. */
  flag(name: string, shown?: string): boolean {
    const text = this.#form.get(name);
    if (text === undefined) return false;
    const flag = BOOLEANS.get(text);
    if (flag === undefined) this.refuse(209, `invalid value for ${shown ?? `"${name}"`}`);
    return flag ?? false;
  }

  ttl(): bigint | undefined {
    const text = this.#form.get("ttl") || undefined;
    if (text === undefined) return undefined;
    const seconds = readUint(text);
    if (seconds === undefined) this.refuse(202, 'invalid value for "ttl"');
    return seconds;
  }
}

const UINT64_MAX = 2n ** 64n - 1n;
const UINT_MAX_DIGITS = 400;

function readUint(text: string): bigint | undefined {
  if (text.length > UINT_MAX_DIGITS || !/^\d+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value <= UINT64_MAX ? value : undefined;
}

/** The words of Go's strconv.ParseBool. */
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "TRUE", "true", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((word) => [word, false] as const),
]);
