import { createHash } from "node:crypto";

/** A server of the store as `/v2/members` shows it. */
export interface Member {
  /** 64 bits in hexadecimal without leading zeros. */
  readonly id: string;
  readonly name: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs: readonly string[];
}

/** etcd's id of a member that is there from the start: of its peer URLs and the cluster's token. */
export function memberId(peerUrls: readonly string[], token: string): string {
  const text = peerUrls.toSorted().join("") + token;
  return first64Bits(createHash("sha1").update(text).digest()).toString(16);
}

/** etcd's id of a cluster: of its first members' ids. */
export function clusterId(memberIds: readonly string[]): string {
  const bytes = Buffer.alloc(8 * memberIds.length);
  const ids = memberIds.map((id) => BigInt(`0x${id}`)).sort((a, b) => (a < b ? -1 : 1));
  for (const [at, id] of ids.entries()) bytes.writeBigUInt64BE(id, 8 * at);
  return first64Bits(createHash("sha1").update(bytes).digest()).toString(16);
}

function first64Bits(digest: Buffer): bigint {
  return digest.readBigUInt64BE(0);
}
