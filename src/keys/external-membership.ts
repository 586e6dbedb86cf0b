import * as v from "valibot";
import type { Clock } from "#base/clock.ts";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Member } from "#keys/member.ts";
import type { ClusterView, MemberRefusal, Membership } from "#keys/membership.ts";
import { type EtcdClient, EtcdError, prefixEnd } from "#log/etcd-client.ts";

/** A server that is gone stands in the list for so long. */
const TTL_MS = 10_000;
const RENEW_MS = 3_000;
const VIEW_TIMEOUT_MS = 1_000;

export interface ExternalMembershipOptions {
  readonly client: EtcdClient;
  /** Of the log's keys. */
  readonly prefix: string;
  readonly self: Member;
  readonly leads: () => boolean;
  readonly logger: Logger;
  readonly clock: Clock;
}

const Record = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    name: v.string(),
    peerURLs: v.array(v.string()),
    clientURLs: v.array(v.string()),
    leads: v.boolean(),
  }),
);

/**
 * The servers that share a log in an etcd cluster that somebody else runs: each says there that it is alive, and they
 * come and go by themselves.
 */
export class ExternalMembership implements Membership {
  readonly clusterId: string;
  readonly selfId: string;
  readonly #options: ExternalMembershipOptions;
  readonly #range: string;
  #last: ClusterView;

  static async open(
    options: ExternalMembershipOptions,
    signal: AbortSignal,
  ): Promise<ExternalMembership> {
    const { header } = await options.client.status({ signal });
    return new ExternalMembership(options, header.clusterId);
  }

  private constructor(options: ExternalMembershipOptions, clusterId: string) {
    this.#options = options;
    this.clusterId = clusterId;
    this.selfId = options.self.id;
    this.#range = `${options.prefix}-servers/`;
    this.#last = { members: [options.self], leaderId: undefined };
  }

  /** Has this server in the list until aborted; then takes it out. */
  async announce(signal: AbortSignal): Promise<void> {
    const { client, clock, logger, self, leads } = this.#options;
    const key = this.#range + self.id;
    let lease: string | undefined;
    let told = "";
    while (!signal.aborted) {
      try {
        const kept = lease === undefined ? 0 : await client.keepLeaseAlive(lease, { signal });
        if (kept === 0) {
          lease = (await client.grantLease(TTL_MS, { signal })).id;
          told = "";
        }
        const { name, peerURLs, clientURLs } = self;
        const record = JSON.stringify({ name, peerURLs, clientURLs, leads: leads() });
        if (record !== told && lease !== undefined)
          await client.put({ key, value: Buffer.from(record), lease }, { signal });
        told = record;
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof EtcdError)) throw error;
        logger.debug({ reason: reasonOf(error) }, "could not say that this server is there");
      }
      await clock.sleep(RENEW_MS, signal).catch(() => {});
    }
    const late = AbortSignal.timeout(VIEW_TIMEOUT_MS);
    if (lease !== undefined) await client.revokeLease(lease, { signal: late }).catch(() => {});
  }

  async view(): Promise<ClusterView> {
    const { client } = this.#options;
    const signal = AbortSignal.timeout(VIEW_TIMEOUT_MS);
    try {
      const end = prefixEnd(this.#range);
      const { kvs } = await client.range({ key: this.#range, end }, { signal });
      const members: Member[] = [];
      let leaderId: string | undefined;
      for (const { key, value } of kvs) {
        const read = v.safeParse(Record, Buffer.from(value).toString());
        if (!read.success) continue;
        const id = key.slice(this.#range.length);
        const { leads, ...member } = read.output;
        members.push({ id, ...member });
        if (leads) leaderId = id;
      }
      this.#last = { members, leaderId };
    } catch {
      this.#last = { ...this.#last, leaderId: undefined };
    }
    return this.#last;
  }

  add(): Promise<MemberRefusal> {
    return Promise.resolve(
      refused("add", "start another server with the same log-endpoints instead"),
    );
  }

  remove(): Promise<MemberRefusal> {
    return Promise.resolve(refused("remove", "stop that server instead"));
  }

  update(): Promise<MemberRefusal> {
    return Promise.resolve(refused("change", "start that server with other settings instead"));
  }

  askEngine(): Promise<undefined> {
    return Promise.resolve(undefined);
  }
}

function refused(what: string, remedy: string): MemberRefusal {
  return {
    status: 500,
    message: `Cannot ${what} a member: the servers of this store come and go by themselves, as its log is in an etcd cluster of its own (log-endpoints); ${remedy}`,
  };
}
