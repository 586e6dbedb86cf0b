import { ExternalMembership } from "#keys/external-membership.ts";
import { memberId } from "#keys/member.ts";
import type { Ground, GroundOptions } from "#keys/member-ground.ts";
import { writeIdentity } from "#keys/member-identity.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";

/** Waits until that etcd answers. */
export async function openExternalGround(
  options: GroundOptions,
  signal: AbortSignal,
): Promise<Ground> {
  const { clientURLs, clock, dataDir, external, logger, name, peerURLs, random, token } = options;
  if (external === undefined) throw new TypeError("no etcd elsewhere is named");
  const { prefix } = external;
  await using stack = new AsyncDisposableStack();
  const client = stack.use(openEtcdClient(external));
  const log = await EtcdLog.open({ client, prefix, clock, random, logger }, signal);
  stack.use(log);
  // Peer addresses are often left at their default here, and then the same everywhere.
  const self = { id: memberId(clientURLs, name + token), name, peerURLs, clientURLs };
  const membership = await ExternalMembership.open(
    { client, prefix, self, leads: () => log.leads, logger, clock },
    signal,
  );
  const { clusterId, selfId: id } = membership;
  const first = { peerURLs, firstPeerURLs: peerURLs, token };
  await writeIdentity(dataDir, { id, clusterId, ...first, log: "external" });
  const leaving = new AbortController();
  const announcing = membership.announce(leaving.signal);
  stack.defer(async () => {
    leaving.abort();
    await announcing;
  });
  const owned = stack.move();
  return {
    log,
    membership,
    failed: log.failed,
    hasPeers: false,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
