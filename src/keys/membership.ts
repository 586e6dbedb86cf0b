import type { EngineAnswer } from "#keys/engine-http.ts";
import type { Member } from "#keys/member.ts";

/** Who is in the cluster, as this server knows it. */
export interface ClusterView {
  /** In the order of their ids. Those that have not started have no name and no client URLs yet. */
  readonly members: readonly Member[];
  /** The id of the member that leads; undefined while there is none. */
  readonly leaderId: string | undefined;
}

/** Why a change of the members was not made, as etcd's members API answers it. */
export interface MemberRefusal {
  readonly status: 404 | 409 | 410 | 500;
  readonly message: string;
}

/** The members of the store's cluster: the port that the embedded log's one member and a real etcd's implement. */
export interface Membership {
  readonly clusterId: string;
  /** This server's own id. */
  readonly selfId: string;

  /** Never rejects: without a quorum, or while the cluster's engine is away, it is what was known last. */
  view(): Promise<ClusterView>;
  /**
   * `peerURLs` are checked and sorted. When it takes long, nobody is added for whom `isWanted` says no by then: who gave
   * up waiting asks again.
   */
  add(peerURLs: readonly string[], isWanted: () => boolean): Promise<Member | MemberRefusal>;
  remove(id: string): Promise<MemberRefusal | undefined>;
  update(id: string, peerURLs: readonly string[]): Promise<MemberRefusal | undefined>;
  /**
   * What this machine's etcd answers to a GET of its own HTTP API, for what only it can measure; undefined when there
   * is none, or it is away.
   */
  askEngine(path: string): Promise<EngineAnswer | undefined>;
}

export const PEER_URL_TAKEN: MemberRefusal = { status: 409, message: "membership: peerURL exists" };
export const NOT_DONE: MemberRefusal = { status: 500, message: "Internal Server Error" };

export function unknownMember(id: string): MemberRefusal {
  return { status: 404, message: `No such member: ${id}` };
}
