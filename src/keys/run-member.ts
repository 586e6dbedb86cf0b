import type { Fault } from "#base/fault.ts";
import { openHttpServer } from "#base/http-server.ts";
import type { Address } from "#base/listen.ts";
import { aborted } from "#base/shutdown.ts";
import type { ServerTls } from "#base/tls.ts";
import { AuthGate } from "#keys/auth-gate.ts";
import { authRoutes } from "#keys/auth-http.ts";
import { backupRoutes } from "#keys/backup-http.ts";
import { clientHandler } from "#keys/client-handler.ts";
import { withCors } from "#keys/cors.ts";
import { KeysHttp } from "#keys/keys-http.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { type Ground, type GroundOptions, openGround } from "#keys/member-ground.ts";
import { membersRoutes, peerHandler } from "#keys/members-http.ts";
import { openMetrics } from "#keys/metrics-http.ts";
import { statsRoutes } from "#keys/stats-http.ts";

export interface MemberOptions extends GroundOptions {
  readonly listenClient: readonly Address[];
  readonly listenPeer: readonly Address[];
  /** Origins of web pages that may use the store; default none. */
  readonly cors?: readonly string[];
  /** For addresses that say https. */
  readonly clientTls?: ServerTls | undefined;
  readonly peerTls?: ServerTls | undefined;
  /** Called when every address listens. */
  readonly onListening: () => Promise<void>;
}

/**
 * Runs a member of the store until the signal aborts; then ends cleanly. With a log of several servers it waits until
 * most of them are there, before it listens.
 * @throws {Fault} ADDRESS_IN_USE, LOG_CORRUPT, LOG_IO, FILE_UNWRITABLE, CONFIG_INVALID, ETCD_MISSING, MEMBER_REMOVED,
 * STORE_UNAVAILABLE
 */
export async function runMember(options: MemberOptions, signal: AbortSignal): Promise<void> {
  const { logger, clock, random } = options;
  await using stack = new AsyncDisposableStack();
  const fronts = new AsyncDisposableStack();
  const ground = stack.use(await openGround(options, signal));
  const { membership } = ground;
  const onFault = (err: Fault) => logger.error({ err }, "log failed");
  const server = stack.use(new KeysServer(ground.log, { clock, random, onFault }));
  stack.use(fronts);
  const gate = new AuthGate(server);
  const keys = new KeysHttp(server, gate, membership.clusterId);
  const self = { id: membership.selfId, name: options.name };
  const health = { succeeded: 0, failed: 0 };
  const metrics = stack.use(openMetrics({ server, requests: keys.counts, membership, health }));
  const routes = {
    ...statsRoutes({ server, self, membership, clock, health }),
    ...metrics.routes,
    ...authRoutes(server, gate, membership.clusterId),
    ...membersRoutes(membership, gate),
    ...backupRoutes(server, gate, { membership, name: options.name, clock }),
  };
  const handle = withCors(options.cors ?? [], clientHandler(keys, routes));
  for (const address of options.listenClient)
    fronts.use(await openHttpServer(address, handle, options.clientTls));
  if (!ground.hasPeers) await servePeers(ground, server, options, fronts);
  logger.info(
    {
      name: options.name,
      dataDir: options.dataDir,
      index: server.etcdIndex,
      id: membership.selfId,
    },
    "serving the store",
  );
  await options.onListening();
  await aborted(AbortSignal.any([signal, ground.failed]));
  if (!signal.aborted) ground.failed.throwIfAborted();
  logger.info("stopping");
}

/** The peer addresses of a member without etcd, until there is one. */
async function servePeers(
  ground: Ground,
  server: KeysServer,
  { listenPeer, peerTls }: Pick<MemberOptions, "listenPeer" | "peerTls">,
  fronts: AsyncDisposableStack,
): Promise<void> {
  const handle = peerHandler(ground.membership);
  let peers = new AsyncDisposableStack();
  fronts.defer(() => peers.disposeAsync());
  const openPeers = async () => {
    peers = new AsyncDisposableStack();
    for (const address of listenPeer) peers.use(await openHttpServer(address, handle, peerTls));
  };
  const closePeers = () => peers.disposeAsync();
  await openPeers();
  ground.allowGrowth?.({ takeState: () => server.takeSnapshot(), openPeers, closePeers });
}
