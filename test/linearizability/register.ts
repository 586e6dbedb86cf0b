import type { Answer, Call, Operation, Seen } from "./history.ts";

/** An index of which only bounds are known, as after a write whose answer got lost; both included. */
interface Range {
  readonly from: number;
  readonly to: number;
}

interface Content {
  readonly value: string;
  readonly modified: Range;
  readonly created: Range;
}

/** One key of the v2 store: what it holds, and the newest index that an answer about it showed so far. */
export interface Register {
  readonly content: Content | undefined;
  readonly index: number;
}

export const EMPTY: Register = { content: undefined, index: 0 };

/**
 * The register after the operation, or undefined when it cannot have given this answer here. An operation with an
 * unknown answer is taken as having changed something, for it needs no place where it would not.
 */
export function stepRegister(state: Register, { call, answer }: Operation): Register | undefined {
  if (answer.kind === "unknown") return stepUnknown(state, call);
  if (answer.kind === "refused") return stepRefused(state, call, answer);
  return call.op === "get" || call.op === "read"
    ? stepRead(state, answer)
    : stepWrite(state, call, answer);
}

/** For the memo of a search: equal texts, equal states. */
export function registerText({ content, index }: Register): string {
  if (content === undefined) return `${index}`;
  const { value, modified: m, created: c } = content;
  return `${index} ${m.from} ${m.to} ${c.from} ${c.to} ${value}`;
}

type Done = Extract<Answer, { kind: "done" }>;
type WriteCall = Exclude<Call, { op: "get" | "read" }>;

function stepRead({ content, index }: Register, answer: Done): Register | undefined {
  if (answer.index < index || answer.value === undefined) return undefined;
  const seen = matching(content, { ...answer.node, value: answer.value });
  if (seen === undefined || seen.modified.to > answer.index) return undefined;
  return { content: seen, index: answer.index };
}

function stepWrite(state: Register, call: WriteCall, answer: Done): Register | undefined {
  const { index, node, prev, value } = answer;
  if (index <= state.index || node.modifiedIndex !== index) return undefined;
  if (value !== ("value" in call ? call.value : undefined)) return undefined;
  const before = prev && matching(state.content, prev);
  // Only what creates has nothing before it; whoever says what was before must be right.
  if ((prev === undefined) !== (state.content === undefined)) return undefined;
  if (prev !== undefined && (before === undefined || before.modified.to >= index)) return undefined;
  const isNew = call.op === "set" || call.op === "create";
  if (!isNew && before === undefined) return undefined;
  if (call.op === "create" && before !== undefined) return undefined;
  if (!fits(call, before)) return undefined;
  const created = isNew ? exactly(index) : within(before?.created, node.createdIndex);
  if (created === undefined || created.from !== node.createdIndex) return undefined;
  const content = value === undefined ? undefined : { value, modified: exactly(index), created };
  return { content, index };
}

function stepRefused(
  { content, index }: Register,
  call: Call,
  answer: Extract<Answer, { kind: "refused" }>,
): Register | undefined {
  if (answer.index < index) return undefined;
  switch (answer.code) {
    case 100: // no such key
      if (content !== undefined || call.op === "set" || call.op === "create") return undefined;
      return { content, index: answer.index };
    case 101: // compare failed
      if (content === undefined || !mayDiffer(call, content)) return undefined;
      break;
    case 105: // exists already
      if (content === undefined || call.op !== "create") return undefined;
      break;
    default:
      return undefined;
  }
  const modified = upTo(content.modified, answer.index);
  return modified && { content: { ...content, modified }, index: answer.index };
}

function stepUnknown({ content, index }: Register, call: Call): Register | undefined {
  const later: Range = { from: index + 1, to: Number.POSITIVE_INFINITY };
  switch (call.op) {
    case "get":
    case "read":
      return undefined;
    case "set":
      return { content: { value: call.value, modified: later, created: later }, index };
    case "create":
      if (content !== undefined) return undefined;
      return { content: { value: call.value, modified: later, created: later }, index };
    case "update":
    case "compareAndSwap":
      if (content === undefined || !fits(call, content)) return undefined;
      return { content: { ...content, value: call.value, modified: later }, index };
    case "delete":
    case "compareAndDelete":
      return content === undefined || !fits(call, content)
        ? undefined
        : { content: undefined, index };
    default:
      return call satisfies never;
  }
}

/** The content, its indices narrowed to what was seen; undefined when it is another. */
function matching(content: Content | undefined, seen: Seen): Content | undefined {
  if (content === undefined || content.value !== seen.value) return undefined;
  const modified = within(content.modified, seen.modifiedIndex);
  const created = within(content.created, seen.createdIndex);
  return modified && created && { value: content.value, modified, created };
}

/** Whether the comparison that a call asks for can hold. */
function fits(call: Call, content: Content | undefined): boolean {
  if (call.op !== "compareAndSwap" && call.op !== "compareAndDelete") return true;
  const { prevValue, prevIndex } = call;
  if (content === undefined) return false;
  if (prevValue !== undefined && prevValue !== content.value) return false;
  return prevIndex === undefined || within(content.modified, prevIndex) !== undefined;
}

/** Whether the comparison that a call asks for can fail. */
function mayDiffer(call: Call, content: Content): boolean {
  if (call.op !== "compareAndSwap" && call.op !== "compareAndDelete") return false;
  const { prevValue, prevIndex } = call;
  if (prevValue !== undefined && prevValue !== content.value) return true;
  const { from, to } = content.modified;
  return prevIndex !== undefined && !(from === prevIndex && to === prevIndex);
}

function exactly(index: number): Range {
  return { from: index, to: index };
}

function within(range: Range | undefined, index: number): Range | undefined {
  return range && index >= range.from && index <= range.to ? exactly(index) : undefined;
}

function upTo({ from, to }: Range, index: number): Range | undefined {
  return from > index ? undefined : { from, to: Math.min(to, index) };
}
