import type { Logger } from "#base/logger.ts";
import { type EngineAnswer, getBySocket } from "#keys/engine-http.ts";
import type { Member } from "#keys/member.ts";
import {
  type ClusterView,
  type MemberRefusal,
  type Membership,
  NOT_DONE,
  PEER_URL_TAKEN,
  unknownMember,
} from "#keys/membership.ts";
import { type EtcdClient, EtcdError, type EtcdMember, GRPC } from "#log/etcd-client.ts";

/** What this machine's etcd knows it tells at once; one that is away shall not hold anybody up. */
const VIEW_TIMEOUT_MS = 1_000;
/** Where it stands which members were removed: etcd knows it, but tells it to nobody. Outside of every log. */
const REMOVED_PREFIX = "/keelson-members/removed/";

export interface EtcdMembershipOptions {
  /** Of this machine's own etcd. */
  readonly client: EtcdClient;
  /** Where its HTTP API is. */
  readonly socketPath: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** The members of the real etcd cluster that keeps the log. */
export class EtcdMembership implements Membership {
  readonly clusterId: string;
  readonly selfId: string;
  readonly #options: EtcdMembershipOptions;
  #last: ClusterView;

  /** Reads who this member is and who else there is. */
  static async open(options: EtcdMembershipOptions): Promise<EtcdMembership> {
    const { header, members } = await options.client.memberList(options);
    return new EtcdMembership(options, header, members.map(memberOf).toSorted(byId));
  }

  private constructor(
    options: EtcdMembershipOptions,
    self: { readonly clusterId: string; readonly memberId: string },
    members: readonly Member[],
  ) {
    this.#options = options;
    this.clusterId = self.clusterId;
    this.selfId = self.memberId;
    this.#last = { members, leaderId: undefined };
  }

  async view(): Promise<ClusterView> {
    const { client, signal } = this.#options;
    const limits = { signal, timeoutMs: VIEW_TIMEOUT_MS };
    const [list, status] = await Promise.allSettled([
      client.memberList(limits),
      client.status(limits),
    ]);
    const members =
      list.status === "fulfilled"
        ? list.value.members.map(memberOf).toSorted(byId)
        : this.#last.members;
    const leader = status.status === "fulfilled" ? status.value.leader : "0";
    this.#last = { members, leaderId: leader === "0" ? undefined : leader };
    return this.#last;
  }

  askEngine(path: string): Promise<EngineAnswer | undefined> {
    return getBySocket(this.#options.socketPath, path);
  }

  async add(peerURLs: readonly string[]): Promise<Member | MemberRefusal> {
    try {
      return memberOf(await this.#options.client.memberAdd(peerURLs, this.#options));
    } catch (error) {
      return this.#refusal("add a member", "", error);
    }
  }

  async remove(id: string): Promise<MemberRefusal | undefined> {
    const { client } = this.#options;
    const key = REMOVED_PREFIX + id;
    try {
      const { members } = await client.memberList(this.#options);
      if (members.some((member) => member.id === id)) {
        // Noted before, since who removes itself is not let write afterwards.
        await client.put({ key, value: Buffer.from("") }, this.#options);
        await client.memberRemove(id, this.#options);
        return undefined;
      }
      const { kvs } = await client.range({ key }, this.#options);
      if (kvs.length === 0) return unknownMember(id);
      return { status: 410, message: `Member permanently removed: ${id}` };
    } catch (error) {
      return this.#refusal("remove a member", id, error);
    }
  }

  async update(id: string, peerURLs: readonly string[]): Promise<MemberRefusal | undefined> {
    try {
      await this.#options.client.memberUpdate(id, peerURLs, this.#options);
      return undefined;
    } catch (error) {
      return this.#refusal("change a member", id, error);
    }
  }

  #refusal(what: string, id: string, error: unknown): MemberRefusal {
    if (!(error instanceof EtcdError)) throw error;
    if (error.code === GRPC.NOT_FOUND) return unknownMember(id);
    if (/Peer URLs already exists/i.test(error.message)) return PEER_URL_TAKEN;
    if (/member ID already exist/i.test(error.message))
      return { status: 409, message: "membership: ID exists" };
    this.#options.logger.warn({ id, reason: error.message }, `cannot ${what}`);
    return NOT_DONE;
  }
}

function memberOf({ id, name, peerURLs, clientURLs }: EtcdMember): Member {
  return { id, name, peerURLs, clientURLs };
}

function byId(a: Member, b: Member): number {
  return BigInt(`0x${a.id}`) < BigInt(`0x${b.id}`) ? -1 : 1;
}
