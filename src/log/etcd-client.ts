/** What a client of etcd's v3 API can ask for: the port that `etcd-grpc-client.ts` and `fake-etcd.ts` implement. */

/** Stands in every answer. Ids are 64 bits in hexadecimal without leading zeros, as in v2. */
export interface EtcdHeader {
  readonly clusterId: string;
  readonly memberId: string;
  readonly revision: number;
  readonly raftTerm: number;
}

export interface EtcdKeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
}

export interface EtcdRange {
  readonly key: string;
  /** Up to and without this key; absent: the one key. */
  readonly end?: string;
  /** As of this revision; absent: now. */
  readonly revision?: number;
  /** So many keys at most; absent: all. */
  readonly limit?: number;
  readonly keysOnly?: boolean;
}

export interface EtcdRangeAnswer {
  readonly header: EtcdHeader;
  /** In the order of the keys. */
  readonly kvs: readonly EtcdKeyValue[];
  /** Whether the limit left keys out. */
  readonly more: boolean;
}

export interface EtcdCompare {
  readonly key: string;
  /** Then every key of the range has to comply; one without keys counts as one that is not there. */
  readonly end?: string;
  /** A key that is not there has 0 in both. */
  readonly target: "createRevision" | "modRevision";
  readonly result: "equal" | "less" | "greater";
  readonly revision: number;
}

export interface EtcdPut {
  readonly key: string;
  readonly value: Uint8Array;
  /** The key goes when this lease ends. */
  readonly lease?: string;
}

export type EtcdOp =
  | ({ readonly op: "put" } & EtcdPut)
  | ({ readonly op: "range" } & EtcdRange)
  | { readonly op: "deleteRange"; readonly key: string; readonly end?: string };

export interface EtcdTxn {
  /** When all hold, `success` is done, otherwise `failure`. */
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly EtcdOp[];
  readonly failure?: readonly EtcdOp[];
}

export interface EtcdTxnAnswer {
  readonly header: EtcdHeader;
  readonly succeeded: boolean;
  /** What each range of the branch that was done found, in order. */
  readonly ranges: readonly (readonly EtcdKeyValue[])[];
}

export interface EtcdWatch {
  readonly key: string;
  readonly end?: string;
  /** The first revision to be told. */
  readonly startRevision: number;
  /** Leave deletions out. */
  readonly putsOnly?: boolean;
}

export interface EtcdEvent {
  readonly type: "put" | "delete";
  readonly kv: EtcdKeyValue;
}

/** The watch stands, or what happened, in the order of revisions, or history that was compacted away. */
export type EtcdWatchAnswer =
  | { readonly kind: "created"; readonly header: EtcdHeader }
  | { readonly kind: "events"; readonly header: EtcdHeader; readonly events: readonly EtcdEvent[] }
  | { readonly kind: "compacted"; readonly compactRevision: number };

export interface EtcdLease {
  readonly id: string;
  readonly ttlMs: number;
}

export interface EtcdMember {
  readonly id: string;
  /** Empty until the member has started. */
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
  readonly isLearner: boolean;
}

export interface EtcdMembersAnswer {
  readonly header: EtcdHeader;
  readonly members: readonly EtcdMember[];
}

export interface EtcdStatus {
  readonly header: EtcdHeader;
  readonly version: string;
  /** The database's file, which etcd's quota is about; and what of it is in use (before etcd 3.4: all). */
  readonly dbSizeBytes: number;
  readonly dbInUseBytes: number;
  /** Members whose quota is used up: nothing that adds is taken (before etcd 3.4: not told). */
  readonly spaceAlarms: readonly string[];
  /** The leading member's id; "0" when there is none. */
  readonly leader: string;
  readonly raftIndex: number;
  readonly raftTerm: number;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** Default: the client's own limit. */
  readonly timeoutMs?: number;
}

/**
 * etcd's v3 API. Every call rejects with an EtcdError, or with the signal's reason when that aborts; nothing is asked
 * again by itself. After an endpoint failed, the next call goes to another one, when there are several.
 */
export interface EtcdClient extends AsyncDisposable {
  range(request: EtcdRange, options: CallOptions): Promise<EtcdRangeAnswer>;
  put(request: EtcdPut, options: CallOptions): Promise<EtcdHeader>;
  deleteRange(request: { key: string; end?: string }, options: CallOptions): Promise<number>;
  txn(request: EtcdTxn, options: CallOptions): Promise<EtcdTxnAnswer>;
  /** Forgets history up to `revision`; what is so at that revision stays. */
  compact(revision: number, options: CallOptions): Promise<void>;
  /** Ends by throwing an EtcdError, after `compacted` by itself, or with the signal's reason. */
  watch(request: EtcdWatch, signal: AbortSignal): AsyncIterable<EtcdWatchAnswer>;

  grantLease(ttlMs: number, options: CallOptions): Promise<EtcdLease>;
  revokeLease(id: string, options: CallOptions): Promise<void>;
  /** The time the lease has from now on; 0 when it is gone. */
  keepLeaseAlive(id: string, options: CallOptions): Promise<number>;

  memberList(options: CallOptions): Promise<EtcdMembersAnswer>;
  memberAdd(peerURLs: readonly string[], options: CallOptions): Promise<EtcdMember>;
  memberRemove(id: string, options: CallOptions): Promise<void>;
  memberUpdate(id: string, peerURLs: readonly string[], options: CallOptions): Promise<void>;

  status(options: CallOptions): Promise<EtcdStatus>;
  /** The member's whole database, in pieces. */
  snapshot(signal: AbortSignal): AsyncIterable<Uint8Array>;
  defragment(options: CallOptions): Promise<void>;
  /** Ends the alarm that a member raised when its quota was used up. */
  disarmSpace(memberId: string, options: CallOptions): Promise<void>;
}

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
export const GRPC = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** Codes by which etcd says no before it does anything. */
const REFUSALS: ReadonlySet<number> = new Set([
  GRPC.INVALID_ARGUMENT,
  GRPC.NOT_FOUND,
  GRPC.ALREADY_EXISTS,
  GRPC.PERMISSION_DENIED,
  GRPC.RESOURCE_EXHAUSTED,
  GRPC.FAILED_PRECONDITION,
  GRPC.OUT_OF_RANGE,
  GRPC.UNIMPLEMENTED,
  GRPC.UNAUTHENTICATED,
]);

/** etcd said no, or could not be asked. The message is etcd's own, such as `etcdserver: no leader`. */
export class EtcdError extends Error {
  override readonly name = "EtcdError";
  /** One of GRPC, or another status of gRPC. */
  readonly code: number;

  constructor(code: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  /** Whether the request may have been done all the same. */
  get mayHaveHappened(): boolean {
    return !REFUSALS.has(this.code) || this.isOutOfSpace;
  }

  /** Its quota is used up. The request that crosses it is done, and answered by this all the same. */
  get isOutOfSpace(): boolean {
    return this.code === GRPC.RESOURCE_EXHAUSTED && this.message.includes("space exceeded");
  }
}

/** The end of the range of all keys that begin with `prefix`, which ends in an ASCII character. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
