import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Member } from "#keys/member.ts";
import { type Identity, writeIdentity } from "#keys/member-identity.ts";
import {
  type ClusterView,
  type MemberRefusal,
  type Membership,
  NOT_DONE,
  PEER_URL_TAKEN,
  unknownMember,
} from "#keys/membership.ts";

export interface EmbeddedMembershipOptions {
  readonly dataDir: string;
  readonly name: string;
  readonly clientURLs: readonly string[];
  readonly logger: Logger;
  /** Makes a cluster of this member that others can be added to; rejects with a Fault when that fails. */
  readonly grow: () => Promise<Membership>;
}

/** The one member of a store with the embedded log. Adding another one makes it the first of a real cluster. */
export class EmbeddedMembership implements Membership {
  readonly #options: EmbeddedMembershipOptions;
  #identity: Identity;

  constructor(identity: Identity, options: EmbeddedMembershipOptions) {
    this.#identity = identity;
    this.#options = options;
  }

  get identity(): Identity {
    return this.#identity;
  }

  get clusterId(): string {
    return this.#identity.clusterId;
  }

  get selfId(): string {
    return this.#identity.id;
  }

  async view(): Promise<ClusterView> {
    const { name, clientURLs } = this.#options;
    const { id, peerURLs } = this.#identity;
    return { members: [{ id, name, peerURLs, clientURLs }], leaderId: id };
  }

  async add(peerURLs: readonly string[], isWanted: () => boolean): Promise<Member | MemberRefusal> {
    if (peerURLs.some((url) => this.#identity.peerURLs.includes(url))) return PEER_URL_TAKEN;
    try {
      const grown = await this.#options.grow();
      return isWanted() ? await grown.add(peerURLs, isWanted) : NOT_DONE;
    } catch (error) {
      return this.#failed("add a member", error);
    }
  }

  /** The last member cannot be removed: the store would be gone. */
  async remove(id: string): Promise<MemberRefusal | undefined> {
    return id === this.selfId ? NOT_DONE : unknownMember(id);
  }

  async askEngine(): Promise<undefined> {
    return undefined;
  }

  async update(id: string, peerURLs: readonly string[]): Promise<MemberRefusal | undefined> {
    if (id !== this.selfId) return unknownMember(id);
    const changed = { ...this.#identity, peerURLs };
    try {
      await writeIdentity(this.#options.dataDir, changed);
    } catch (error) {
      return this.#failed("change a member", error);
    }
    this.#identity = changed;
    return undefined;
  }

  /** Here the person who asked can do something about it, so they are told more than etcd tells. */
  #failed(what: string, error: unknown): MemberRefusal {
    if (!(error instanceof Fault)) throw error;
    this.#options.logger.error({ err: error }, `cannot ${what}`);
    return { status: 500, message: error.message };
  }
}
