import {
  type EtcdCompare,
  EtcdError,
  type EtcdEvent,
  type EtcdHeader,
  type EtcdKeyValue,
  type EtcdOp,
  type EtcdRange,
  type EtcdRangeAnswer,
  type EtcdTxn,
  type EtcdTxnAnswer,
  type EtcdWatch,
  GRPC,
} from "#log/etcd-client.ts";

const NONE = new Uint8Array();

interface Lease {
  readonly ttlMs: number;
  untilMs: number;
}

/** What one cluster of etcd holds: keys with all their revisions, and leases. Every call is done at once. */
export class FakeEtcdStore {
  /** Everything that happened, in order; what is compacted is forgotten. */
  #events: EtcdEvent[] = [];
  #revision = 1;
  #compacted = 0;
  /** As of the compacted revision. */
  #floor = new Map<string, EtcdKeyValue>();
  #current = new Map<string, EtcdKeyValue>();
  readonly #leases = new Map<string, Lease>();
  readonly #held = new Map<string, string>();
  #leaseCount = 0;

  get header(): EtcdHeader {
    return { clusterId: "c1", memberId: "1", revision: this.#revision, raftTerm: 2 };
  }

  get compactRevision(): number {
    return this.#compacted;
  }

  range(request: EtcdRange): EtcdRangeAnswer {
    const { limit = Number.POSITIVE_INFINITY, revision, keysOnly = false } = request;
    if (revision !== undefined && revision < this.#compacted) throw compacted();
    const found = [...this.#at(revision).values()].filter(({ key }) => isIn(request, key));
    found.sort((a, b) => (a.key < b.key ? -1 : 1));
    const kvs = found.slice(0, limit).map((kv) => (keysOnly ? { ...kv, value: NONE } : kv));
    return { header: this.header, kvs, more: found.length > limit };
  }

  txn({ compare, success, failure = [] }: EtcdTxn): EtcdTxnAnswer {
    const succeeded = compare.every((one) => this.#holds(one));
    const ranges: (readonly EtcdKeyValue[])[] = [];
    const revision = this.#revision + 1;
    for (const op of succeeded ? success : failure) this.#do(op, revision, ranges);
    return { header: this.header, succeeded, ranges };
  }

  compact(revision: number): void {
    if (revision <= this.#compacted) throw compacted();
    this.#floor = new Map(this.#at(revision)); // not the map that goes on changing
    this.#compacted = revision;
    this.#events = this.#events.filter(({ kv }) => kv.modRevision > revision);
  }

  /** What a watch has to tell of revisions from `fromRevision` on, at most `max` events. */
  eventsFrom(watch: EtcdWatch, fromRevision: number, max: number): EtcdEvent[] {
    const isWanted = ({ type, kv }: EtcdEvent) =>
      kv.modRevision >= fromRevision &&
      isIn(watch, kv.key) &&
      !(watch.putsOnly && type === "delete");
    return this.#events.filter(isWanted).slice(0, max);
  }

  grantLease(ttlMs: number, nowMs: number): string {
    this.#leaseCount += 1;
    const id = String(this.#leaseCount);
    this.#leases.set(id, { ttlMs, untilMs: nowMs + ttlMs });
    return id;
  }

  keepLeaseAlive(id: string, nowMs: number): number {
    const lease = this.#leases.get(id);
    if (lease === undefined) return 0;
    lease.untilMs = nowMs + lease.ttlMs;
    return lease.ttlMs;
  }

  revokeLease(id: string): void {
    if (!this.#leases.delete(id))
      throw new EtcdError(GRPC.NOT_FOUND, "etcdserver: requested lease not found");
    for (const [key, holder] of this.#held)
      if (holder === id) this.#write(key, undefined, this.#revision + 1);
  }

  /** Ends leases whose time is over. True when one ended. */
  expireLeases(nowMs: number): boolean {
    const over = [...this.#leases].filter(([, lease]) => lease.untilMs <= nowMs);
    for (const [id] of over) this.revokeLease(id);
    return over.length > 0;
  }

  #do(op: EtcdOp, revision: number, ranges: (readonly EtcdKeyValue[])[]): void {
    switch (op.op) {
      case "put":
        if (op.lease !== undefined && !this.#leases.has(op.lease))
          throw new EtcdError(GRPC.NOT_FOUND, "etcdserver: requested lease not found");
        this.#write(op.key, op.value, revision);
        if (op.lease !== undefined) this.#held.set(op.key, op.lease);
        return;
      case "range":
        ranges.push(this.range(op).kvs);
        return;
      case "deleteRange":
        for (const key of this.#current.keys().toArray())
          if (isIn(op, key)) this.#write(key, undefined, revision);
        return;
      default:
        op satisfies never;
    }
  }

  #write(key: string, value: Uint8Array | undefined, revision: number): void {
    const before = this.#current.get(key);
    const createRevision = before?.createRevision ?? revision;
    const kv = { key, value: value ?? NONE, createRevision, modRevision: revision };
    this.#held.delete(key);
    this.#revision = revision;
    this.#events.push({ type: value ? "put" : "delete", kv });
    if (value) this.#current.set(key, kv);
    else this.#current.delete(key);
  }

  #holds({ key, end, target, result, revision }: EtcdCompare): boolean {
    const range = end === undefined ? { key } : { key, end };
    const found = this.range(range).kvs.map((kv) => kv[target]);
    return (found.length > 0 ? found : [0]).every((actual) => {
      if (result === "equal") return actual === revision;
      return result === "less" ? actual < revision : actual > revision;
    });
  }

  #at(revision: number | undefined): Map<string, EtcdKeyValue> {
    if (revision === undefined || revision >= this.#revision) return this.#current;
    const state = new Map(this.#floor);
    for (const { type, kv } of this.#events) {
      if (kv.modRevision > revision) break;
      if (type === "put") state.set(kv.key, kv);
      else state.delete(kv.key);
    }
    return state;
  }
}

function isIn(
  { key, end }: { readonly key: string; readonly end?: string },
  found: string,
): boolean {
  return end === undefined ? found === key : key <= found && found < end;
}

function compacted(): EtcdError {
  return new EtcdError(GRPC.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted");
}
