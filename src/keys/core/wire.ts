import type { KeyEvent, KeyNode } from "#keys/core/event.ts";
import { KEYS_ERRORS } from "#keys/core/keys-error.ts";
import type { Refusal } from "#keys/core/outcome.ts";

// The bodies of answers, byte for byte as Go's encoding/json writes etcd's.

/** No control character, quote, backslash, `<`, `>`, `&`, line separator or surrogate. */
const PLAIN = /^[ !#-%'-;=?-[\]-\u2027\u202a-\ud7ff\ue000-\uffff]*$/;

/** A JSON string that also hides what HTML would misread, as Go does. */
export function jsonString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]|\\[\\bf]/g,
    (found) => GO_ESCAPES[found] ?? found,
  );
}

const GO_ESCAPES: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
  "\\b": "\\u0008",
  "\\f": "\\u000c",
};

/** The line that answers a request or a watch. */
export function encodeEvent({ action, node, prevNode }: KeyEvent): string {
  const previous = prevNode ? `,"prevNode":${encodeNode(prevNode)}` : "";
  return `{"action":"${action}","node":${encodeNode(node)}${previous}}\n`;
}

/** The answer to a write that asked for no value in it. */
export function encodeAction({ action }: KeyEvent): string {
  return `{"action":"${action}"}\n`;
}

export function encodeRefusal({ code, cause, index }: Refusal): string {
  const about = cause === "" ? "" : `"cause":${jsonString(cause)},`;
  return `{"errorCode":${code},"message":"${KEYS_ERRORS[code].message}",${about}"index":${index}}\n`;
}

/** etcd leaves the root's key and its indices of 0 out. */
function encodeNode(node: KeyNode): string {
  let text = node.key === "" ? "{" : `{"key":${jsonString(node.key)},`;
  if (node.value !== undefined) text += `"value":${jsonString(node.value)},`;
  if (node.dir) text += '"dir":true,';
  if (node.expiration !== undefined) text += `"expiration":"${node.expiration}",`;
  if (node.ttl !== undefined) text += `"ttl":${node.ttl},`;
  if (node.nodes) text += `"nodes":[${node.nodes.map(encodeNode).join(",")}],`;
  if (node.modifiedIndex !== 0) text += `"modifiedIndex":${node.modifiedIndex},`;
  if (node.createdIndex !== 0) text += `"createdIndex":${node.createdIndex},`;
  return `${text.slice(0, -1)}}`;
}
