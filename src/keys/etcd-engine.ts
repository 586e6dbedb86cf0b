import { connect } from "node:net";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { EtcdMembership } from "#keys/etcd-membership.ts";
import { etcdDirectory } from "#keys/member-identity.ts";
import { type EtcdMember, QUOTA_BYTES } from "#log/core/etcd-flags.ts";
import type { Log, LogSnapshot } from "#log/core/log.ts";
import type { EtcdClient } from "#log/etcd-client.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { EtcdProcess } from "#log/etcd-process.ts";

/** How often it is said who is waited for while too few members are there. */
const TELL_AWAITED_MS = 10_000;
const PROBE_MS = 1_000;
const ASK_AGAIN_MS = 100;
const SEED_MS = 15_000;
/** So long a member whose peers are of another cluster waits for one that is of its own. */
const FOREIGN_MS = 15_000;
const LOG_PREFIX = "/keelson";

export interface EtcdEngineOptions {
  readonly dataDir: string;
  /** The etcd program, as a path or a name to be found in PATH. */
  readonly binary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly member: EtcdMember;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** This machine's part of a real etcd cluster, and the log that the cluster keeps. */
export interface EtcdEngine extends AsyncDisposable {
  /** Whoever follows it closes it, before the engine. */
  readonly log: Log;
  readonly membership: EtcdMembership;
  /** Aborts, with the Fault that says why, when this machine's etcd cannot go on, or what it holds cannot be followed. */
  readonly failed: AbortSignal;
}

/**
 * Starts the etcd and waits until its cluster has a quorum. A log that is new begins with what `takeSeed` gives, which
 * is asked for only then, and has to be done soon, since writes wait for it.
 * @throws {Fault} ETCD_MISSING, MEMBER_REMOVED, CONFIG_INVALID, ADDRESS_IN_USE, STORE_UNAVAILABLE, FILE_UNWRITABLE
 */
export async function openEtcdEngine(
  options: EtcdEngineOptions,
  takeSeed: (() => Promise<LogSnapshot>) | undefined,
  signal: AbortSignal,
): Promise<EtcdEngine> {
  const { clock, dataDir, logger, member, random } = options;
  await using stack = new AsyncDisposableStack();
  const etcd = stack.use(
    await EtcdProcess.start({ ...options, directory: etcdDirectory(dataDir) }),
  );
  const client = stack.use(openEtcdClient({ endpoints: [`unix://${etcd.socketPath}`] }));
  const opened = new AbortController();
  const until = AbortSignal.any([signal, etcd.failed]);
  const telling = tellAwaited(member, options, AbortSignal.any([until, opened.signal]));
  try {
    await serving(etcd, client, options, until);
    const seed = await takeSeed?.();
    const quotaBytes = QUOTA_BYTES;
    const shared = { client, prefix: LOG_PREFIX, clock, random, logger, quotaBytes };
    const log = seed
      ? await withDeadline(
          { ms: SEED_MS, clock, what: "move the log to etcd", signal: until },
          (late) => EtcdLog.open({ ...shared, seed }, late),
        )
      : await EtcdLog.open(shared, until);
    stack.use(log);
    const membership = await EtcdMembership.open({
      client,
      socketPath: etcd.socketPath,
      logger,
      signal: until,
    });
    logger.info(
      { etcd: etcd.version.text, clusterId: membership.clusterId, id: membership.selfId },
      "joined the cluster's log",
    );
    const owned = stack.move();
    return {
      log,
      membership,
      failed: AbortSignal.any([etcd.failed, log.failed]),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  } catch (error) {
    etcd.failed.throwIfAborted(); // rather why etcd ended than what that led to
    throw error;
  } finally {
    opened.abort();
    await telling;
  }
}

/** An etcd listens for clients only when most of its cluster is there. */
async function serving(
  etcd: EtcdProcess,
  client: EtcdClient,
  { clock, dataDir, member }: EtcdEngineOptions,
  signal: AbortSignal,
): Promise<void> {
  let metForeignMs: number | undefined;
  for (;;) {
    if (etcd.hasForeignPeer) metForeignMs ??= clock.monotonicMs();
    if (metForeignMs !== undefined && clock.monotonicMs() - metForeignMs > FOREIGN_MS)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot join the cluster as ${member.name}: its peers belong to another cluster than ${dataDir}; add this member there (etcdctl member add), empty that directory and start with what that prints, or correct initial-cluster and initial-cluster-token`,
      );
    try {
      await client.status({ signal, timeoutMs: PROBE_MS });
      return;
    } catch {
      await clock.sleep(ASK_AGAIN_MS, signal);
    }
  }
}

/** Says now and then which of the other members do not answer. */
async function tellAwaited(
  member: EtcdMember,
  { clock, logger }: EtcdEngineOptions,
  signal: AbortSignal,
): Promise<void> {
  const others = [...member.initialCluster].filter(([name]) => name !== member.name);
  for (;;) {
    await clock.sleep(TELL_AWAITED_MS, signal).catch(() => {});
    if (signal.aborted) return;
    const answers = await Promise.all(
      others.map(async ([name, urls]) => ({ name, urls, isThere: await isThere(urls) })),
    );
    if (signal.aborted) return;
    const awaited = answers
      .filter((other) => !other.isThere)
      .map(({ name, urls }) => `${name}=${urls.join()}`);
    logger.warn({ awaited }, "waiting until most of the cluster's members are there");
  }
}

async function isThere(urls: readonly string[]): Promise<boolean> {
  const probes = urls.map((url) => {
    const { hostname, port } = new URL(url);
    return new Promise<void>((resolve, reject) => {
      const socket = connect({ host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
      socket.setTimeout(PROBE_MS, () => socket.destroy(new Fault("TIMED_OUT", "no answer")));
      socket.once("connect", () => {
        socket.destroy();
        resolve();
      });
      socket.once("error", reject);
    });
  });
  return Promise.any(probes).then(
    () => true,
    () => false,
  );
}
