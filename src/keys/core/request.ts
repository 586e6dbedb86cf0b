import type { Command } from "#keys/core/command.ts";
import { type Form, parseForm } from "#keys/core/form.ts";
import type { KeysErrorCode } from "#keys/core/keys-error.ts";
import type { Refusal } from "#keys/core/outcome.ts";
import { deleteCommand, putCommand } from "#keys/core/put-command.ts";

export type Method = "GET" | "HEAD" | "PUT" | "POST" | "DELETE";

/** What a client of `/v2/keys` asks for. */
export type KeysRequest =
  | {
      readonly kind: "read";
      readonly key: string;
      readonly recursive: boolean;
      readonly sorted: boolean;
    }
  | {
      readonly kind: "watch";
      readonly key: string;
      readonly recursive: boolean;
      readonly answers: WatchAnswers;
      readonly fromIndex: number | undefined;
    }
  | {
      readonly kind: "command";
      readonly command: Command;
      readonly recursive: boolean;
      readonly noValue: boolean;
    };

/**
 * One event ends the watch; or, as Keelson's own clients ask by `batch=true`, all that there are at once, one a line (a
 * genuine etcd does not know the word and answers with one); or they go on for as long as the client stays.
 */
export type WatchAnswers = "once" | "batch" | "stream";

const PLAIN_READ = { recursive: false, sorted: false };
const NO_FIELDS = new Map<string, string>();

/**
 * Reads a request as etcd does, reporting the mistake that etcd reports first.
 * @param texts the form of the body, if there is one, then the query
 * @param nowMs the proposer's time, from which times to live count
 */
export function parseRequest(
  method: Method,
  key: string,
  texts: readonly string[],
  nowMs: number,
): KeysRequest | Refusal {
  if (texts.length === 0 && (method === "GET" || method === "HEAD"))
    return { kind: "read", key, ...PLAIN_READ };
  const form: Form = texts.length === 0 ? NO_FIELDS : parseForm(texts);
  if ("error" in form) return refuse(210, form.error);
  const fields = readFields(form, method);
  if ("code" in fields) return fields;
  return requestOf(method, key, { ...fields, expiresMs: expiry(fields.ttl, nowMs) }, nowMs);
}

function requestOf(
  method: Method,
  key: string,
  fields: Fields & { readonly expiresMs: number | undefined },
  timeMs: number,
): KeysRequest {
  const { recursive, sorted, expiresMs } = fields;
  const noValue = fields.noValueOnSuccess;
  switch (method) {
    case "GET":
    case "HEAD":
      // A read with quorum does not wait, whatever else it says.
      if (fields.quorum && method === "GET") {
        const command = { op: "get", key, recursive, sorted, timeMs } as const;
        return { kind: "command", command, recursive, noValue };
      }
      if (fields.wait) {
        const fromIndex = fields.waitIndex || undefined;
        return { kind: "watch", key, recursive, answers: fields.answers, fromIndex };
      }
      return { kind: "read", key, recursive, sorted };
    case "PUT":
      return {
        kind: "command",
        command: putCommand({ key, ...fields }, timeMs),
        recursive,
        noValue,
      };
    case "POST": {
      const expiring = expiresMs === undefined ? {} : { expiresMs };
      const { dir, value } = fields;
      const command = {
        op: "create",
        key,
        value,
        dir,
        inOrder: true,
        ...expiring,
        timeMs,
      } as const;
      return { kind: "command", command, recursive, noValue };
    }
    case "DELETE":
      return {
        kind: "command",
        command: deleteCommand({ key, ...fields }, timeMs),
        recursive,
        noValue,
      };
    default:
      return method satisfies never;
  }
}

interface Fields {
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
function readFields(form: ReadonlyMap<string, string>, method: Method): Fields | Refusal {
  const prevIndex = readUint(form.get("prevIndex"));
  if (prevIndex === undefined) return refuse(203, 'invalid value for "prevIndex"');
  const waitIndex = readUint(form.get("waitIndex"));
  if (waitIndex === undefined) return refuse(203, 'invalid value for "waitIndex"');
  const flags = {
    recursive: false,
    sorted: false,
    wait: false,
    dir: false,
    quorum: false,
    stream: false,
  };
  for (const name of FLAGS) {
    const flag = readBool(form.get(name) ?? "f");
    if (flag === undefined) return refuse(209, `invalid value for "${name}"`);
    flags[name] = flag;
  }
  if (flags.wait && method !== "GET")
    return refuse(209, '"wait" can only be used with GET requests');
  const prevValue = form.get("prevValue") ?? "";
  if (prevValue === "" && form.has("prevValue")) return refuse(201, '"prevValue" cannot be empty');
  const noValueOnSuccess = readBool(form.get("noValueOnSuccess") ?? "f");
  if (noValueOnSuccess === undefined) return refuse(209, 'invalid value for "noValueOnSuccess"');
  const ttlText = form.get("ttl") || undefined;
  const ttl = ttlText === undefined ? undefined : readBigUint(ttlText);
  if (ttlText !== undefined && ttl === undefined) return refuse(202, 'invalid value for "ttl"');
  const prevExistText = form.get("prevExist");
  const prevExist = prevExistText === undefined ? undefined : readBool(prevExistText);
  if (prevExistText !== undefined && prevExist === undefined)
    return refuse(209, "invalid value for prevExist");
  const refresh = readBool(form.get("refresh") ?? "f");
  if (refresh === undefined) return refuse(209, "invalid value for refresh");
  const value = form.get("value") ?? "";
  if (refresh && value !== "") return refuse(211, "A value was provided on a refresh");
  if (refresh && ttl === undefined) return refuse(212, "No TTL value set");
  const { stream, ...others } = flags;
  return {
    ...others,
    answers: stream ? "stream" : form.get("batch") === "true" ? "batch" : "once",
    prevIndex: Number(prevIndex),
    waitIndex: Number(waitIndex),
    prevValue,
    noValueOnSuccess,
    ttl,
    prevExist,
    refresh,
    value,
  };
}

const FLAGS = ["recursive", "sorted", "wait", "dir", "quorum", "stream"] as const;

const UINT64_MAX = 2n ** 64n - 1n;

function readBigUint(text: string): bigint | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const value = BigInt(text.slice(0, 400));
  return value <= UINT64_MAX && text.length <= 400 ? value : undefined;
}

/** 0 when the field is missing. Beyond 2^53 a double's nearest, which no index reaches. */
function readUint(text: string | undefined): bigint | number | undefined {
  return text === undefined ? 0 : readBigUint(text);
}

/** The words of Go's strconv.ParseBool. */
const BOOLEANS: Readonly<Record<string, boolean>> = {
  "1": true,
  t: true,
  T: true,
  TRUE: true,
  true: true,
  True: true,
  "0": false,
  f: false,
  F: false,
  FALSE: false,
  false: false,
  False: false,
};

function readBool(text: string): boolean | undefined {
  return Object.hasOwn(BOOLEANS, text) ? BOOLEANS[text] : undefined;
}

/** etcd counts in nanoseconds of 64 bits, which a very long time to live overflows. */
function expiry(ttlSeconds: bigint | undefined, nowMs: number): number | undefined {
  if (ttlSeconds === undefined) return undefined;
  const ns = BigInt(nowMs) * 1_000_000n + ttlSeconds * 1_000_000_000n;
  return Number(BigInt.asIntN(64, ns) / 1_000_000n);
}

function refuse(code: KeysErrorCode, cause: string): Refusal {
  return { code, cause, index: 0 };
}
