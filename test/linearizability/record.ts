import { Fault } from "#base/fault.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import type { Answer, Call, Operation, Seen, WatchEvent, WatchRecord } from "./history.ts";

/** etcd's codes for not knowing: raft internal error, during leader election. */
const SERVER_TROUBLE: readonly number[] = [300, 301];

interface Asked {
  readonly keys: Keys;
  readonly session: string;
  readonly key: string;
  readonly call: Call;
}

/** What clients asked and were told, in the order of one counter. */
export class OperationRecorder {
  readonly history: Operation[] = [];
  readonly #seen = new Map<string, Seen | undefined>();
  readonly #isUnsent: (error: unknown) => boolean;
  #time = 0;
  #calls = 0;

  /** `isUnsent` knows the errors after which nothing can have happened or happen. */
  constructor(isUnsent: (error: unknown) => boolean = () => false) {
    this.#isUnsent = isUnsent;
  }

  /** How many were asked so far; part of what the next one writes. */
  get calls(): number {
    return this.#calls;
  }

  /** What was last told of a key. */
  lastSeen(key: string): Seen | undefined {
    return this.#seen.get(key);
  }

  /** Resolves with whether there was an answer. */
  async run({ keys, session, key, call }: Asked, signal: AbortSignal): Promise<boolean> {
    const about = { id: this.#calls++, session, key, call, calledAt: this.#time++ };
    try {
      const answer = await ask(keys, key, call, signal);
      this.history.push({ ...about, answeredAt: this.#time++, answer });
      if (answer.kind === "done") this.#seen.set(key, contentOf(answer));
      return true;
    } catch (error) {
      if (!signal.aborted && !(error instanceof Fault) && !(error instanceof KeysError))
        throw error;
      const isRead = call.op === "get" || call.op === "read";
      if (!isRead && !this.#isUnsent(error)) {
        const answer = { kind: "unknown" } as const;
        this.history.push({ ...about, answeredAt: Number.POSITIVE_INFINITY, answer });
      }
      return false;
    }
  }
}

/** What one watcher of the whole tree was told, over all interruptions. */
export class WatchRecorder {
  readonly records: WatchRecord[] = [];
  readonly #name: string;
  #events: WatchEvent[] = [];
  #next: number | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  /** Goes on where it was, until the signal aborts or the watch is interrupted. */
  async follow(keys: Keys, signal: AbortSignal): Promise<void> {
    try {
      if (this.#next === undefined) await this.#begin(keys, signal);
      const from = {
        recursive: true,
        ...(this.#next === undefined ? {} : { fromIndex: this.#next }),
      };
      for await (const event of keys.watch("/", from, signal)) {
        this.#events.push(watchEventOf(event));
        this.#next = event.node.modifiedIndex + 1;
      }
    } catch (error) {
      if (error instanceof KeysError && error.code === 401) this.#next = undefined;
      else if (!signal.aborted && !(error instanceof Fault) && !(error instanceof KeysError))
        throw error;
    }
  }

  async #begin(keys: Keys, signal: AbortSignal): Promise<void> {
    const fromIndex = (await keys.get("/", {}, signal)).etcdIndex + 1;
    this.#events = [];
    this.#next = fromIndex;
    const name = `${this.#name} from ${fromIndex}`;
    this.records.push({ name, fromIndex, events: this.#events });
  }
}

export function watchEventOf({ action, node }: KeyEvent): WatchEvent {
  const { key, value, modifiedIndex, createdIndex } = node;
  return { action, key, value, modifiedIndex, createdIndex };
}

export function doneAnswer(
  { node, prevNode }: KeyEvent,
  index: number,
): Extract<Answer, { kind: "done" }> {
  const { value, modifiedIndex, createdIndex } = node;
  return {
    kind: "done",
    index,
    node: { modifiedIndex, createdIndex },
    value,
    prev: prevNode && {
      value: prevNode.value ?? "",
      modifiedIndex: prevNode.modifiedIndex,
      createdIndex: prevNode.createdIndex,
    },
  };
}

async function ask(keys: Keys, key: string, call: Call, signal: AbortSignal): Promise<Answer> {
  try {
    const { event, etcdIndex } = await replyTo(keys, key, call, signal);
    return doneAnswer(event, etcdIndex);
  } catch (error) {
    if (!(error instanceof KeysError) || SERVER_TROUBLE.includes(error.code)) throw error;
    return { kind: "refused", index: error.index, code: error.code };
  }
}

function replyTo(keys: Keys, key: string, call: Call, signal: AbortSignal): Promise<Reply> {
  switch (call.op) {
    case "get":
      return keys.get(key, { quorum: true }, signal);
    case "read":
      return keys.get(key, {}, signal);
    case "set":
      return keys.set(key, call.value, {}, signal);
    case "create":
      return keys.set(key, call.value, { prevExist: false }, signal);
    case "update":
      return keys.set(key, call.value, { prevExist: true }, signal);
    case "compareAndSwap":
      return keys.set(key, call.value, comparison(call), signal);
    case "delete":
      return keys.delete(key, {}, signal);
    case "compareAndDelete":
      return keys.delete(key, comparison(call), signal);
    default:
      return call satisfies never;
  }
}

function comparison(call: { readonly prevValue?: string; readonly prevIndex?: number }) {
  const { prevValue, prevIndex } = call;
  return {
    ...(prevValue === undefined ? {} : { prevValue }),
    ...(prevIndex === undefined ? {} : { prevIndex }),
  };
}

function contentOf({ value, node }: Extract<Answer, { kind: "done" }>): Seen | undefined {
  return value === undefined ? undefined : { value, ...node };
}
