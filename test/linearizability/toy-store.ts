import type { Random } from "#base/random.ts";
import type { Command } from "#keys/core/command.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { isDone, type Outcome } from "#keys/core/outcome.ts";
import { Store } from "#keys/core/store.ts";
import type { Answer, Call, Operation, WatchEvent, WatchRecord } from "./history.ts";
import { doneAnswer, watchEventOf } from "./record.ts";
import { nextCall } from "./workload.ts";

/** Mistakes that a store could make, each of which a check has to find. */
export const PLANTS = [
  "stale quorum read",
  "stale read",
  "lost write",
  "duplicate apply",
  "write after refusal",
  "index twice",
  "watch gap",
  "watch repeat",
  "watch disorder",
  "watch invention",
] as const;
export type Plant = (typeof PLANTS)[number];

const KEYS = 3;
const CLIENTS = 6;
const NOW_MS = 1_000_000_000_000;

export interface ToyRun {
  readonly history: Operation[];
  readonly watches: readonly WatchRecord[];
}

/**
 * A history of clients that work at the same time on the real state machine: each operation is applied at one moment
 * between its call and its answer, some answers get lost, some are applied late or never, and a planted mistake is
 * made now and then.
 */
export function runToy(
  random: Random,
  options: { readonly count: number; readonly plant?: Plant; readonly lost?: number },
): ToyRun {
  const { count, plant, lost = 0.05 } = options;
  const store = new Store();
  const events: KeyEvent[] = [];
  store.watchAll({ key: "", recursive: true }, undefined, (event) => events.push(event));
  const seen = new Map<string, Outcome>();
  const history: Operation[] = [];
  const late: Command[] = [];
  const running: { operation: Operation; applied: Outcome | undefined }[] = [];
  let time = 0;
  const strikes = (which: Plant) => plant === which && random() < 0.1;
  while (history.length < count || running.length > 0) {
    time += 1;
    const command = random() < 0.1 ? late.shift() : undefined;
    if (command) store.apply(command);
    if (running.length < CLIENTS && history.length < count && random() < 0.5) {
      const key = `/k${Math.floor(random() * KEYS)}`;
      const operation: Operation = {
        id: history.length,
        session: "toy",
        key,
        call: nextCall(random, history.length, contentOf(seen.get(key))),
        calledAt: time,
        answeredAt: Number.POSITIVE_INFINITY,
        answer: { kind: "unknown" },
      };
      history.push(operation);
      running.push({ operation, applied: undefined });
      continue;
    }
    const at = Math.floor(random() * running.length);
    const one = running[at];
    if (one === undefined) continue;
    const { operation } = one;
    const asked = commandOf(operation.key, operation.call);
    if (one.applied === undefined) {
      if (random() < lost) {
        if (random() < 0.5) late.push(asked);
        running.splice(at, 1);
      } else one.applied = applied(store, operation.call, asked, seen, strikes);
      if (one.applied && strikes("duplicate apply")) late.push(asked);
      continue;
    }
    running.splice(at, 1);
    if (random() < lost) continue; // done, and nobody was told
    if (!isDone(one.applied) && strikes("write after refusal")) late.push(forced(asked));
    const answer = answerOf(one.applied);
    history[operation.id] = { ...operation, answeredAt: time, answer };
    if (isDone(one.applied)) seen.set(operation.key, one.applied);
  }
  return { history, watches: watchesOf(events, random, strikes) };
}

function applied(
  store: Store,
  call: Call,
  command: Command,
  seen: ReadonlyMap<string, Outcome>,
  strikes: (which: Plant) => boolean,
): Outcome | undefined {
  const old = "key" in command ? seen.get(command.key) : undefined;
  const isStale =
    (call.op === "get" && strikes("stale quorum read")) ||
    (call.op === "read" && strikes("stale read"));
  if (isStale && old && isDone(old) && old.event.node.value !== undefined)
    return { event: { action: "get", node: old.event.node }, index: old.index };
  const next = store.index + 1;
  if (command.op === "set" && strikes("lost write")) {
    const { key, value } = command;
    const node = { key, value, modifiedIndex: next, createdIndex: next };
    return { index: next, event: { action: "set", node } };
  }
  const outcome = store.apply(command);
  if (outcome && isDone(outcome) && command.op === "set" && strikes("index twice")) {
    const node = { ...outcome.event.node, modifiedIndex: outcome.index - 1 };
    return { event: { ...outcome.event, node }, index: outcome.index - 1 };
  }
  return outcome;
}

function watchesOf(
  events: readonly KeyEvent[],
  random: Random,
  strikes: (which: Plant) => boolean,
): WatchRecord[] {
  return ["one", "two"].map((name) => {
    const all = events.map(watchEventOf);
    const skipped = Math.floor((random() * all.length) / 2);
    const told: WatchEvent[] = [];
    for (const event of all.slice(skipped)) {
      if (strikes("watch gap")) continue;
      told.push(event);
      if (strikes("watch repeat")) told.push(event);
      if (strikes("watch invention")) told.push({ ...event, value: "nobody's" });
      if (strikes("watch disorder") && told.length > 1) told.push(told.splice(-2, 1)[0]!);
    }
    return { name, fromIndex: all[skipped]?.modifiedIndex ?? 1, events: told };
  });
}

function contentOf(outcome: Outcome | undefined) {
  if (outcome === undefined || !isDone(outcome)) return undefined;
  const { value, modifiedIndex, createdIndex } = outcome.event.node;
  return value === undefined ? undefined : { value, modifiedIndex, createdIndex };
}

function answerOf(outcome: Outcome): Answer {
  if (!isDone(outcome)) return { kind: "refused", index: outcome.index, code: outcome.code };
  return doneAnswer(outcome.event, outcome.index);
}

function forced(command: Command): Command {
  if (!("value" in command)) return command;
  const { key, value, timeMs } = command;
  return { op: "set", key, value, dir: false, timeMs };
}

function commandOf(key: string, call: Call): Command {
  const timeMs = NOW_MS;
  switch (call.op) {
    case "get":
    case "read":
      return { op: "get", key, recursive: false, sorted: false, timeMs };
    case "delete":
      return { op: "delete", key, dir: false, recursive: false, timeMs };
    case "compareAndDelete":
      return {
        op: "compareAndDelete",
        key,
        prevValue: call.prevValue ?? "",
        prevIndex: call.prevIndex ?? 0,
        timeMs,
      };
    case "create":
      return { op: "create", key, value: call.value, dir: false, inOrder: false, timeMs };
    case "set":
      return { op: "set", key, value: call.value, dir: false, timeMs };
    case "update":
      return { op: "update", key, value: call.value, timeMs };
    case "compareAndSwap": {
      const { op, value, prevValue = "", prevIndex = 0 } = call;
      return { op, key, value, prevValue, prevIndex, timeMs };
    }
    default:
      return call satisfies never;
  }
}
