import type { History, Operation } from "./history.ts";

/** What one thing under test may do, as a pure function of its state. */
export interface Model<State> {
  readonly initial: State;
  /** The state after the operation, or undefined when it cannot have ended so in this state. */
  readonly step: (state: State, operation: Operation) => State | undefined;
  /** Equal texts, equal states. */
  readonly text: (state: State) => string;
}

export type Verdict =
  | { readonly kind: "linearizable" }
  /** No order explains the answers; `stuck` are those that could not be given a place behind the longest order found. */
  | { readonly kind: "violation"; readonly stuck: readonly Operation[] }
  | { readonly kind: "undecided"; readonly steps: number };

/** More than any history of a test needed by a factor of a hundred. */
const STEPS_MAX = 5_000_000;

/** A call or an answer in the order of time; a call knows its answer. */
interface Entry {
  readonly operation: Operation;
  /** Of the operation, for the set of those that have their place. */
  readonly bit: number;
  readonly isCall: boolean;
  answer: Entry | undefined;
  before: Entry | undefined;
  after: Entry | undefined;
}

/**
 * Whether the operations can be put in one order, each between its call and its answer, in which the model gives just
 * these answers (Wing and Gong's search, with Lowe's memo of what was tried). Operations with an unknown answer may
 * have a place at any time after their call, or none.
 */
export function linearize<State>(history: History, model: Model<State>): Verdict {
  const head = timeline(history);
  const placed = new Placed(history.length);
  const tried = new Set<string>();
  const path: { readonly entry: Entry; readonly before: State }[] = [];
  let open = history.filter(({ answer }) => answer.kind !== "unknown").length;
  let state = model.initial;
  let longest = 0;
  let stuck: readonly Operation[] = [];
  let steps = 0;
  for (let entry = head.after; open > 0; ) {
    steps += 1;
    if (steps > STEPS_MAX) return { kind: "undecided", steps };
    if (entry?.isCall) {
      const next = model.step(state, entry.operation);
      if (next !== undefined && !tried.has(placed.textWith(entry.bit, model.text(next)))) {
        placed.flip(entry.bit);
        tried.add(placed.text(model.text(next)));
        path.push({ entry, before: state });
        state = next;
        if (entry.answer) open -= 1;
        lift(entry);
        entry = head.after;
      } else entry = entry.after;
      continue;
    }
    // An answer whose operation has no place yet, or the end: the last choice was wrong.
    if (path.length >= longest) {
      longest = path.length;
      stuck = waiting(head, entry);
    }
    const last = path.pop();
    if (last === undefined) return { kind: "violation", stuck };
    state = last.before;
    placed.flip(last.entry.bit);
    if (last.entry.answer) open += 1;
    unlift(last.entry);
    entry = last.entry.after;
  }
  return { kind: "linearizable" };
}

/** The operations that were called before `end` and have no place. */
function waiting(head: Entry, end: Entry | undefined): Operation[] {
  const found: Operation[] = [];
  for (let at = head.after; at !== undefined && at !== end; at = at.after)
    if (at.isCall) found.push(at.operation);
  return found;
}

function timeline(history: History): Entry {
  const entries: { readonly at: number; readonly entry: Entry }[] = [];
  for (const [bit, operation] of history.entries()) {
    const one = { operation, bit, before: undefined, after: undefined, answer: undefined };
    const call: Entry = { ...one, isCall: true };
    entries.push({ at: operation.calledAt, entry: call });
    if (operation.answer.kind === "unknown") continue;
    call.answer = { ...one, isCall: false };
    entries.push({ at: operation.answeredAt, entry: call.answer });
  }
  entries.sort((a, b) => a.at - b.at);
  const head = { isCall: true, bit: -1 } as Entry;
  let last = head;
  for (const { entry } of entries) {
    last.after = entry;
    entry.before = last;
    last = entry;
  }
  return head;
}

/** Takes an operation, its call and its answer, out of the timeline. */
function lift(call: Entry): void {
  for (const entry of [call, call.answer]) {
    if (entry === undefined) continue;
    if (entry.before) entry.before.after = entry.after;
    if (entry.after) entry.after.before = entry.before;
  }
}

/** Puts back what was lifted last. */
function unlift(call: Entry): void {
  for (const entry of [call.answer, call]) {
    if (entry === undefined) continue;
    if (entry.before) entry.before.after = entry;
    if (entry.after) entry.after.before = entry;
  }
}

/** The operations that have a place, one bit each. */
class Placed {
  readonly #words: Uint16Array;

  constructor(count: number) {
    this.#words = new Uint16Array(Math.ceil(count / 16));
  }

  flip(bit: number): void {
    this.#words[bit >> 4]! ^= 1 << (bit & 15);
  }

  text(state: string): string {
    return `${String.fromCharCode(...this.#words)}${state}`;
  }

  textWith(bit: number, state: string): string {
    this.flip(bit);
    const text = this.text(state);
    this.flip(bit);
    return text;
  }
}
