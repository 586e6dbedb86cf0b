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

/** Near the longest string that there is (2^29 - 24), with room for the head of an answer. */
export const ANSWER_MAX_LENGTH = 500_000_000;

/**
 * The line that answers a request or a watch.
 * @throws {RangeError} when it is longer than ANSWER_MAX_LENGTH.
 */
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

function encodeNode(node: KeyNode): string {
  return node.nodes ? encodeTree(node, node.nodes) : encodeLeaf(node);
}

interface Open {
  readonly node: KeyNode;
  readonly nodes: readonly KeyNode[];
  next: number;
}

/** A loop and no recursion, since a tree may be deeper than the stack; the pieces are joined once, at the end. */
function encodeTree(node: KeyNode, nodes: readonly KeyNode[]): string {
  const texts = [`${headOf(node)}"nodes":[`];
  let length = 0;
  const path: Open[] = [{ node, nodes, next: 0 }];
  for (let open = path.at(-1); open !== undefined; open = path.at(-1)) {
    const child = open.nodes[open.next];
    const comma = open.next === 0 ? "" : ",";
    open.next += 1;
    let text: string;
    if (child === undefined) {
      text = `],${tailOf(open.node)}`.slice(0, -1) + "}";
      path.pop();
    } else if (child.nodes) {
      text = `${comma}${headOf(child)}"nodes":[`;
      path.push({ node: child, nodes: child.nodes, next: 0 });
    } else text = comma + encodeLeaf(child);
    length += text.length;
    if (length > ANSWER_MAX_LENGTH)
      throw new RangeError(`answer is longer than ${ANSWER_MAX_LENGTH} characters`);
    texts.push(text);
  }
  return texts.join("");
}

function encodeLeaf(node: KeyNode): string {
  return `${`${headOf(node)}${tailOf(node)}`.slice(0, -1)}}`;
}

/** What comes before the children, with a comma at its end. etcd leaves the root's key and its indices of 0 out. */
function headOf(node: KeyNode): string {
  let text = node.key === "" ? "{" : `{"key":${jsonString(node.key)},`;
  if (node.value !== undefined) text += `"value":${jsonString(node.value)},`;
  if (node.dir) text += '"dir":true,';
  if (node.expiration !== undefined) text += `"expiration":"${node.expiration}",`;
  if (node.ttl !== undefined) text += `"ttl":${node.ttl},`;
  return text;
}

/** What comes after the children, with a comma at its end if it is anything. */
function tailOf(node: KeyNode): string {
  let text = node.modifiedIndex === 0 ? "" : `"modifiedIndex":${node.modifiedIndex},`;
  if (node.createdIndex !== 0) text += `"createdIndex":${node.createdIndex},`;
  return text;
}
