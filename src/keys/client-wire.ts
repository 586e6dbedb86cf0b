import { Fault } from "#base/fault.ts";
import type { Action, KeyEvent, KeyNode } from "#keys/core/event.ts";
import { KEYS_ERRORS, KeysError, type KeysErrorCode } from "#keys/core/keys-error.ts";
import type { HttpAnswer } from "./client-exchange.ts";

const ACTIONS: ReadonlySet<unknown> = new Set<Action>([
  "get",
  "set",
  "create",
  "update",
  "delete",
  "expire",
  "compareAndSwap",
  "compareAndDelete",
]);

/** What a path segment may hold unescaped, RFC 3986 section 3.3; unit names and addresses stay readable. */
const READABLE = /%(?:24|26|2B|2C|3A|3B|3D|40)/g;

/** The path of a key in a request. */
export function keyPath(key: string): string {
  return `/v2/keys/${cleanPath(key)}`;
}

/**
 * A path as it stands in a URL, without a leading slash. Empty and `.` segments are left out and `..` takes one away,
 * as the server's redirects of unclean paths do.
 */
export function cleanPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/"))
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".")
      segments.push(encodeURIComponent(segment).replace(READABLE, decodeURIComponent));
  return segments.join("/");
}

/** `a=1&b=2`, leaving out what is undefined. */
export function formOf(fields: Readonly<Record<string, string | number | boolean | undefined>>) {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) form.append(name, String(value));
  return form.toString();
}

/** @throws {Fault} STORE_UNAVAILABLE when the body is not what etcd's keys API answers. */
export function parseEvent(body: string): KeyEvent {
  const json = parseObject(body);
  const action = json?.["action"];
  const node = parseNode(json?.["node"]);
  if (!ACTIONS.has(action) || node === undefined) throw malformed(body);
  const before = json?.["prevNode"];
  if (before === undefined || before === null) return { action: action as Action, node };
  const prevNode = parseNode(before);
  if (prevNode === undefined) throw malformed(body);
  return { action: action as Action, node, prevNode };
}

/** What an answer that says no means: KeysError when it is the keys API's, else a Fault with the server's words. */
export function errorOf({ status, body, endpoint }: HttpAnswer): KeysError | Fault {
  const json = parseObject(body);
  const code = json?.["errorCode"];
  const cause = json?.["cause"];
  const index = json?.["index"];
  if (isKnownCode(code))
    return new KeysError(
      code,
      typeof cause === "string" ? cause : "",
      typeof index === "number" ? index : 0,
    );
  const message = json?.["message"];
  const words = typeof message === "string" ? message : body.slice(0, 200).trim();
  const said = `HTTP status ${status}, ${typeof code === "number" ? `error ${code}, ` : ""}"${words}"`;
  const advice = WITHOUT_MEMBER.has(status)
    ? `it has no member of the store to ask just now (${said}): most of the store's servers, or the only one, are probably down; start them, or try again when they are back`
    : `${said}; check that it is an etcd server with its v2 API on`;
  return new Fault("STORE_UNAVAILABLE", `Cannot use the answer of ${endpoint.text}: ${advice}`, {
    facts: { endpoint: endpoint.text, status },
  });
}

/** What proxies answer while no member does. */
const WITHOUT_MEMBER: ReadonlySet<number> = new Set([502, 503, 504]);

/** Whether another server may do better: no leader, no quorum, or a proxy with no server behind it. */
export function isServerTrouble({ status }: HttpAnswer): boolean {
  return status >= 500;
}

function isKnownCode(code: unknown): code is KeysErrorCode {
  return typeof code === "number" && code in KEYS_ERRORS;
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === "object" && json !== null
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

interface Unread {
  readonly wire: readonly unknown[];
  readonly nodes: KeyNode[];
}

/** A loop and no recursion: what a server sends may be deeper than the stack. */
function parseNode(json: unknown): KeyNode | undefined {
  const unread: Unread[] = [];
  const node = parseOne(json, unread);
  for (let at = unread.pop(); at !== undefined; at = unread.pop())
    for (const wire of at.wire) {
      const child = parseOne(wire, unread);
      if (child === undefined) return undefined;
      at.nodes.push(child);
    }
  return node;
}

/** Its children are left to be read, in `unread`. The root has neither key nor indices on the wire. */
function parseOne(json: unknown, unread: Unread[]): KeyNode | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const wire = json as Readonly<Record<string, unknown>>;
  const { key = "/", value, dir, expiration, ttl, modifiedIndex = 0, createdIndex = 0 } = wire;
  if (typeof key !== "string" || typeof modifiedIndex !== "number") return undefined;
  if (typeof createdIndex !== "number") return undefined;
  const nodes: KeyNode[] | undefined = Array.isArray(wire["nodes"]) ? [] : undefined;
  if (nodes) unread.push({ wire: wire["nodes"] as unknown[], nodes });
  return {
    key,
    ...(typeof value === "string" ? { value } : {}),
    ...(dir === true ? { dir } : {}),
    ...(nodes ? { nodes } : {}),
    ...(typeof expiration === "string" ? { expiration } : {}),
    ...(typeof ttl === "number" ? { ttl } : {}),
    modifiedIndex,
    createdIndex,
  };
}

function malformed(body: string): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot read the server's answer "${body.slice(0, 200)}": it is not of etcd's v2 keys API; check the endpoint`,
  );
}
