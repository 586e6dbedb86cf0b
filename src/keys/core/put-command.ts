import type { Command } from "#keys/core/command.ts";

/** A PUT with its fields read; no comparison is an empty `prevValue` and a `prevIndex` of 0. */
export interface Put {
  /** Clean. */
  readonly key: string;
  readonly value: string;
  readonly dir: boolean;
  readonly prevExist: boolean | undefined;
  readonly prevValue: string;
  readonly prevIndex: number;
  readonly expiresMs: number | undefined;
  readonly refresh: boolean;
}

/** Which of the store's commands a PUT is, by etcd's precedence of its conditions. */
export function putCommand(put: Put, timeMs: number): Command {
  const { key, value, dir, prevExist, prevValue, prevIndex } = put;
  const isPlain = put.expiresMs === undefined && !put.refresh;
  if (isPlain && prevExist === undefined && prevIndex === 0 && prevValue === "")
    return { op: "set", key, value, dir, timeMs }; // nearly every PUT: nothing to put together
  const expiring = put.expiresMs === undefined ? {} : { expiresMs: put.expiresMs };
  if (prevExist === false)
    return { op: "create", key, value, dir, inOrder: false, ...expiring, timeMs };
  const refreshing = put.refresh ? ({ ...expiring, refresh: true } as const) : expiring;
  if (prevIndex > 0 || prevValue !== "")
    return { op: "compareAndSwap", key, value, prevValue, prevIndex, ...refreshing, timeMs };
  if (prevExist) return { op: "update", key, value, ...refreshing, timeMs };
  return { op: "set", key, value, dir, ...refreshing, timeMs };
}

/** A DELETE with its fields read. */
export interface Delete {
  readonly key: string;
  readonly dir: boolean;
  readonly recursive: boolean;
  readonly prevValue: string;
  readonly prevIndex: number;
}

export function deleteCommand(request: Delete, timeMs: number): Command {
  const { key, dir, recursive, prevValue, prevIndex } = request;
  return prevIndex > 0 || prevValue !== ""
    ? { op: "compareAndDelete", key, prevValue, prevIndex, timeMs }
    : { op: "delete", key, dir, recursive, timeMs };
}
