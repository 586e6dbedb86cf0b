/** A key's content as answers show it. */
export interface Seen {
  readonly value: string;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

/** What a client asked of one key. `get` is with quorum, `read` without. */
export type Call =
  | { readonly op: "get" | "read" | "delete" }
  | { readonly op: "set" | "create" | "update"; readonly value: string }
  | {
      readonly op: "compareAndSwap";
      readonly value: string;
      readonly prevValue?: string;
      readonly prevIndex?: number;
    }
  | {
      readonly op: "compareAndDelete";
      readonly prevValue?: string;
      readonly prevIndex?: number;
    };

/** What it was told. `index` is the store's (`X-Etcd-Index`). */
export type Answer =
  | {
      readonly kind: "done";
      readonly index: number;
      readonly node: { readonly modifiedIndex: number; readonly createdIndex: number };
      /** What was read or written; undefined for a removal. */
      readonly value: string | undefined;
      readonly prev: Seen | undefined;
    }
  | { readonly kind: "refused"; readonly index: number; readonly code: number }
  /** Nothing: it may have happened, may yet happen at any later time, or never. */
  | { readonly kind: "unknown" };

/** One operation of a history. Times only have an order; they are all different. */
export interface Operation {
  readonly id: number;
  /** The server that answered, and which run of it where a restart may go back. */
  readonly session: string;
  readonly key: string;
  readonly call: Call;
  readonly calledAt: number;
  /** Infinity when the answer is unknown. */
  readonly answeredAt: number;
  readonly answer: Answer;
}

export type History = readonly Operation[];

/** What a watch delivered. */
export interface WatchRecord {
  readonly name: string;
  /** The first index it asked for. */
  readonly fromIndex: number;
  readonly events: readonly WatchEvent[];
}

export interface WatchEvent {
  readonly action: string;
  readonly key: string;
  readonly value: string | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

/** Whether an answer tells that the store was changed. */
export function isWrite({ call, answer }: Operation): boolean {
  return answer.kind === "done" && call.op !== "get" && call.op !== "read";
}

/** One line about an operation, for reports. */
export function describeOperation({ id, session, key, call, ...rest }: Operation): string {
  const { calledAt, answeredAt, answer } = rest;
  const { op, ...given } = call;
  return `#${id} [${calledAt}..${answeredAt}] ${session} ${op} ${key} ${JSON.stringify(given)} -> ${JSON.stringify(answer)}`;
}
