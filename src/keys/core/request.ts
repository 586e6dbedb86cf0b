import type { Command } from "#keys/core/command.ts";
import { type Form, parseForm } from "#keys/core/form.ts";
import type { Refusal } from "#keys/core/outcome.ts";
import { deleteCommand, putCommand } from "#keys/core/put-command.ts";
import { type RequestFields, readFields, type WatchAnswers } from "#keys/core/request-fields.ts";

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
  if ("error" in form) return { code: 210, cause: form.error, index: 0 };
  const fields = readFields(form, method);
  return "code" in fields ? fields : requestOf(method, key, fields, nowMs);
}

function requestOf(
  method: Method,
  key: string,
  fields: RequestFields,
  timeMs: number,
): KeysRequest {
  // Field by field, for this is asked often, and copying all of an object costs ten times as much.
  const { recursive, sorted, dir, value, prevValue, prevIndex, prevExist, refresh } = fields;
  const noValue = fields.noValueOnSuccess;
  const expiresMs = expiry(fields.ttl, timeMs);
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
        command: putCommand(
          { key, value, dir, prevExist, prevValue, prevIndex, expiresMs, refresh },
          timeMs,
        ),
        recursive,
        noValue,
      };
    case "POST": {
      const expiring = expiresMs === undefined ? {} : { expiresMs };
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
        command: deleteCommand({ key, dir, recursive, prevValue, prevIndex }, timeMs),
        recursive,
        noValue,
      };
    default:
      return method satisfies never;
  }
}

/** etcd counts in nanoseconds of 64 bits, which a very long time to live overflows. */
function expiry(ttlSeconds: bigint | undefined, nowMs: number): number | undefined {
  if (ttlSeconds === undefined) return undefined;
  const ns = BigInt(nowMs) * 1_000_000n + ttlSeconds * 1_000_000_000n;
  return Number(BigInt.asIntN(64, ns) / 1_000_000n);
}
