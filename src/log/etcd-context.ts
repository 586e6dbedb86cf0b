import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import type { EtcdNames } from "#log/core/etcd-names.ts";
import type { EtcdClient } from "#log/etcd-client.ts";
import type { EtcdHealth } from "#log/etcd-faults.ts";

/** What the parts of a log in etcd share. */
export interface EtcdContext {
  readonly client: EtcdClient;
  readonly names: EtcdNames;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly health: EtcdHealth;
  readonly limits: EtcdLimits;
  /** Of the etcd that is this server's own to look after; undefined: somebody else does. */
  readonly quotaBytes: number | undefined;
}

export interface EtcdLimits {
  /** An append is answered within that time, one way or the other: etcd's own limit for a v2 request. */
  readonly appendMs: number;
  /**
   * One attempt at putting a value, to which the value's size adds: what etcd forwarded to a leader that died is lost
   * in silence, and what waits behind it should not wait much longer than an election takes (1.4 s measured).
   */
  readonly putMs: number;
  /** A value of etcd: well below its limit for a request (1.5 MiB). */
  readonly valueBytes: number;
  /** Keys of one page of a listing, and bytes of a page after which the next one is smaller. */
  readonly pageKeys: number;
  readonly pageBytes: number;
  /** Keys dropped at once behind a snapshot. */
  readonly trimKeys: number;
  /** The leader's lease. */
  readonly leaseMs: number;
  /** How often the space that etcd has is looked at. */
  readonly spaceLookMs: number;
}

export const ETCD_LIMITS: EtcdLimits = {
  appendMs: 7_000,
  putMs: 1_500,
  valueBytes: 1 << 20,
  pageKeys: 1_000,
  pageBytes: 8 << 20,
  trimKeys: 256,
  leaseMs: 2_000,
  spaceLookMs: 10_000,
};

/** Waits between attempts. */
export const RETRY = { baseMs: 50, maxMs: 1_000 };
