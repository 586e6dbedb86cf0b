import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import {
  type CallOptions,
  type EtcdClient,
  EtcdError,
  type EtcdTxn,
  type EtcdWatch,
  type EtcdWatchAnswer,
  GRPC,
} from "#log/etcd-client.ts";
import { FakeEtcdStore } from "#log/fake-etcd-store.ts";

/** How often a watch looks by itself for leases that ended. */
const LOOK_MS = 500;
const TIMEOUT_MS = 7_500;
const EVENTS_MAX = 7;

/** What goes wrong between one server and etcd; shares of 1. Times by the clock. */
export interface FakeFaults {
  /** A request takes up to so long to get there, and so does its answer. */
  delayMaxMs: number;
  /** A request is lost before, or its answer after it was done. */
  lostShare: number;
  /** A request gets there only much later, when its asker has long given up. */
  lateShare: number;
  /** A request gets there twice. */
  twiceShare: number;
  /** A watch's stream breaks with its next answer. */
  breakShare: number;
}

export const NO_FAULTS: FakeFaults = {
  delayMaxMs: 0,
  lostShare: 0,
  lateShare: 0,
  twiceShare: 0,
  breakShare: 0,
};
const LATE_MAX_MS = 20_000;

type Work<T> = (store: FakeEtcdStore, nowMs: number) => T;

/** An etcd cluster in memory, on the injected clock: what the log is simulated with. */
export class FakeEtcd {
  readonly store = new FakeEtcdStore();
  /** What its status says of its file; not measured. */
  readonly space = { sizeBytes: 0, inUseBytes: 0, isAlarmed: false };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #watches = new Set<Wake>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A server's way to this cluster. */
  connect(faults: FakeFaults = NO_FAULTS): FakeEtcdClient {
    return new FakeEtcdClient(this, { ...faults }, this.#clock, this.#random);
  }

  /** Does something in the cluster, at once. */
  do<T>(work: Work<T>): T {
    const nowMs = this.#clock.monotonicMs();
    this.store.expireLeases(nowMs);
    try {
      return work(this.store, nowMs);
    } finally {
      for (const wake of this.#watches) wake.ring();
    }
  }

  compact(revision: number): void {
    this.do((store) => store.compact(revision));
  }

  /** Goes round after every change. */
  async *changes(signal: AbortSignal): AsyncGenerator<void, void> {
    const wake = new Wake();
    this.#watches.add(wake);
    try {
      for (;;) {
        yield;
        await wake.wait(LOOK_MS, this.#clock, signal);
        this.store.expireLeases(this.#clock.monotonicMs());
      }
    } finally {
      this.#watches.delete(wake);
    }
  }
}

/** One server's client of a FakeEtcd, with that server's faults; those may be changed at any time. */
export class FakeEtcdClient implements EtcdClient {
  readonly faults: FakeFaults;
  /** Nothing gets through while it is cut; what is under way is lost. */
  isCut = false;
  /** This server stands still until then, as under SIGSTOP: it hears of nothing. */
  pausedUntilMs = 0;
  readonly #etcd: FakeEtcd;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(etcd: FakeEtcd, faults: FakeFaults, clock: Clock, random: Random) {
    this.#etcd = etcd;
    this.faults = faults;
    this.#clock = clock;
    this.#random = random;
  }

  range: EtcdClient["range"] = (request, options) =>
    this.#ask(options, (store) => store.range(request));

  txn(request: EtcdTxn, options: CallOptions) {
    return this.#ask(options, (store) => store.txn(request));
  }

  put: EtcdClient["put"] = async (request, options) => {
    const op = { op: "put", ...request } as const;
    return (await this.txn({ compare: [], success: [op] }, options)).header;
  };

  deleteRange: EtcdClient["deleteRange"] = (range, options) =>
    this.#ask(options, (store) => {
      const { length } = store.range({ ...range, keysOnly: true }).kvs;
      store.txn({ compare: [], success: [{ op: "deleteRange", ...range }] });
      return length;
    });

  compact: EtcdClient["compact"] = (revision, options) =>
    this.#ask(options, (store) => store.compact(revision));

  grantLease: EtcdClient["grantLease"] = (ttlMs, options) =>
    this.#ask(options, (store, nowMs) => ({ id: store.grantLease(ttlMs, nowMs), ttlMs }));

  revokeLease: EtcdClient["revokeLease"] = (id, options) =>
    this.#ask(options, (store) => store.revokeLease(id));

  keepLeaseAlive: EtcdClient["keepLeaseAlive"] = (id, options) =>
    this.#ask(options, (store, nowMs) => store.keepLeaseAlive(id, nowMs));

  async *watch(request: EtcdWatch, signal: AbortSignal): AsyncGenerator<EtcdWatchAnswer, void> {
    const { store } = this.#etcd;
    await this.#travel(signal);
    if (this.isCut) throw lost();
    yield { kind: "created", header: store.header };
    let from = request.startRevision;
    for await (const _ of this.#etcd.changes(signal))
      for (;;) {
        const { compactRevision } = store;
        if (from <= compactRevision) {
          yield { kind: "compacted", compactRevision };
          return;
        }
        const events = store.eventsFrom(request, from, 1 + Math.floor(this.#random() * EVENTS_MAX));
        const last = events.at(-1);
        if (this.isCut || (last && this.#random() < this.faults.breakShare)) throw lost();
        if (last === undefined) break;
        from = last.kv.modRevision + 1;
        await this.#travel(signal);
        yield { kind: "events", header: store.header, events };
      }
  }

  memberList: EtcdClient["memberList"] = unsupported;
  memberAdd: EtcdClient["memberAdd"] = unsupported;
  memberRemove: EtcdClient["memberRemove"] = unsupported;
  memberUpdate: EtcdClient["memberUpdate"] = unsupported;

  status: EtcdClient["status"] = (options) =>
    this.#ask(options, ({ header }) => {
      const { sizeBytes, inUseBytes, isAlarmed } = this.#etcd.space;
      const { memberId: leader, raftTerm } = header;
      const spaceAlarms = isAlarmed ? [leader] : [];
      const sizes = { dbSizeBytes: sizeBytes, dbInUseBytes: inUseBytes, spaceAlarms };
      return { header, version: "3.4.0", ...sizes, leader, raftIndex: 1, raftTerm };
    });

  defragment: EtcdClient["defragment"] = (options) =>
    this.#ask(options, () => {
      this.#etcd.space.sizeBytes = this.#etcd.space.inUseBytes;
    });

  disarmSpace: EtcdClient["disarmSpace"] = (_, options) =>
    this.#ask(options, () => {
      this.#etcd.space.isAlarmed = false;
    });

  // oxlint-disable-next-line require-yield -- it only throws
  async *snapshot(): AsyncGenerator<Uint8Array, void> {
    await unsupported();
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** One request: it gets there, or not, or late, or twice; and so may its answer. */
  async #ask<T>({ signal, timeoutMs = TIMEOUT_MS }: CallOptions, work: Work<T>): Promise<T> {
    signal.throwIfAborted();
    const { lostShare, lateShare, twiceShare } = this.faults;
    const untilMs = this.#clock.monotonicMs() + timeoutMs;
    await this.#travel(signal);
    if (this.isCut || this.#random() < lostShare) return this.#neverAnswered(untilMs, signal);
    const isTwice = this.#random() < twiceShare;
    if (isTwice || this.#random() < lateShare) this.#later(work);
    if (!isTwice && this.#random() < lateShare) return this.#neverAnswered(untilMs, signal);
    const answer = this.#etcd.do(work);
    await this.#travel(signal);
    if (this.isCut || this.#random() < lostShare) return this.#neverAnswered(untilMs, signal);
    if (this.#clock.monotonicMs() > untilMs) throw late();
    return answer;
  }

  #later(work: Work<unknown>): void {
    const ms = this.#random() * LATE_MAX_MS;
    void this.#clock.sleep(ms, new AbortController().signal).then(() => {
      try {
        this.#etcd.do(work);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error; // nobody hears etcd's no
      }
    });
  }

  /** Some hear of it at once, as when the connection breaks, others only by their own limit. */
  async #neverAnswered(untilMs: number, signal: AbortSignal): Promise<never> {
    if (this.#random() < 0.5) throw lost();
    await this.#clock.sleep(untilMs - this.#clock.monotonicMs(), signal);
    throw late();
  }

  async #travel(signal: AbortSignal): Promise<void> {
    const { delayMaxMs } = this.faults;
    if (delayMaxMs > 0) await this.#clock.sleep(this.#random() * delayMaxMs, signal);
    else await Promise.resolve();
    while (this.#clock.monotonicMs() < this.pausedUntilMs)
      await this.#clock.sleep(this.pausedUntilMs - this.#clock.monotonicMs(), signal);
    signal.throwIfAborted();
  }
}

function lost(): EtcdError {
  return new EtcdError(GRPC.UNAVAILABLE, "the connection broke");
}

function late(): EtcdError {
  return new EtcdError(GRPC.DEADLINE_EXCEEDED, "Deadline exceeded");
}

function unsupported(): Promise<never> {
  return Promise.reject(
    new EtcdError(GRPC.UNIMPLEMENTED, "the fake etcd has keys and leases only"),
  );
}
