import type { KeyEvent } from "#keys/core/event.ts";

/** An answer with the index of the store when it was given (`X-Etcd-Index`). */
export interface Reply {
  readonly event: KeyEvent;
  readonly etcdIndex: number;
  /** The id of the cluster that answered (`X-Etcd-Cluster-Id`), where it tells one. */
  readonly clusterId?: string;
}

export interface GetOptions {
  readonly recursive?: boolean;
  readonly sorted?: boolean;
  /** Ask for an answer that no crash or partition can make stale. */
  readonly quorum?: boolean;
}

export interface SetOptions {
  readonly ttlSeconds?: number;
  /** true: only over an existing key (`update`); false: only where none is (`create`). */
  readonly prevExist?: boolean;
  readonly prevValue?: string;
  readonly prevIndex?: number;
  /** Renew the time to live without telling watchers; goes with `ttlSeconds` and no value. */
  readonly refresh?: boolean;
  readonly dir?: boolean;
}

export interface DeleteOptions {
  readonly recursive?: boolean;
  readonly dir?: boolean;
  readonly prevValue?: string;
  readonly prevIndex?: number;
}

export interface WatchOptions {
  readonly recursive?: boolean;
  /** The first index of interest: events at or after it are delivered. Without it: what happens from now on. */
  readonly fromIndex?: number;
}

/**
 * The narrow waist: etcd's v2 keys protocol as everything above it uses it, in process or over HTTP,
 * against Keelson's own store or a genuine etcd.
 *
 * Every method rejects with a `KeysError` when the store said no, with a `Fault` STORE_UNAVAILABLE when no
 * server could be asked (then it is unknown whether a write happened), and with the signal's reason on abort.
 */
export interface Keys {
  get(key: string, options: GetOptions, signal: AbortSignal): Promise<Reply>;
  /** `value` is undefined only for directories and refreshes. */
  set(
    key: string,
    value: string | undefined,
    options: SetOptions,
    signal: AbortSignal,
  ): Promise<Reply>;
  /** Creates a key with the next in-order name under `directory` (POST). */
  createInOrder(
    directory: string,
    value: string,
    options: { readonly ttlSeconds?: number },
    signal: AbortSignal,
  ): Promise<Reply>;
  delete(key: string, options: DeleteOptions, signal: AbortSignal): Promise<Reply>;
  /**
   * Every event at `key` (and under it when recursive), in order, without gap or repeat, until the signal aborts,
   * the caller stops, or it rejects: KeysError 401 when the history no longer reaches back, Fault when the server
   * is lost for longer than the implementation resumes by itself.
   */
  watch(key: string, options: WatchOptions, signal: AbortSignal): AsyncIterable<KeyEvent>;
}
