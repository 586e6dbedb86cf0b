/** What etcd's v2 API calls the thing that happened, as `action` in its answers. */
export type Action =
  | "get"
  | "set"
  | "create"
  | "update"
  | "delete"
  | "expire"
  | "compareAndSwap"
  | "compareAndDelete";

/** A key or a directory as etcd's v2 API shows it; field names are the wire's. */
export interface KeyNode {
  readonly key: string;
  readonly value?: string;
  readonly dir?: true;
  /** Children, when the request asked for them and the directory has any. */
  readonly nodes?: readonly KeyNode[];
  /** RFC 3339, UTC, only with a time to live. */
  readonly expiration?: string;
  /** Seconds left, rounded up. */
  readonly ttl?: number;
  readonly modifiedIndex: number;
  readonly createdIndex: number;
}

/** The body of an answer and the thing a watch delivers. */
export interface KeyEvent {
  readonly action: Action;
  readonly node: KeyNode;
  readonly prevNode?: KeyNode;
}
