import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { EmbeddedMembership } from "#keys/embedded-membership.ts";
import type { EtcdEngine } from "#keys/etcd-engine.ts";
import {
  etcdDirectory,
  holdsEtcdMember,
  type Identity,
  newIdentity,
  readIdentity,
  writeIdentity,
} from "#keys/member-identity.ts";
import type { Membership } from "#keys/membership.ts";
import type { EtcdMember, EtcdTuning } from "#log/core/etcd-flags.ts";
import type { Log, LogSnapshot } from "#log/core/log.ts";
import { DirectoryLock } from "#log/directory-lock.ts";
import { EmbeddedLog } from "#log/embedded-log.ts";
import { SwitchableLog } from "#log/switchable-log.ts";

export interface GroundOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly clientURLs: readonly string[];
  /** This member's (initial-advertise-peer-urls). */
  readonly peerURLs: readonly string[];
  /** Tells clusters with equal addresses apart (initial-cluster-token). */
  readonly token: string;
  /** Peer URLs of the first members by name; default: this one alone. */
  readonly cluster?: ReadonlyMap<string, readonly string[]> | undefined;
  /** Whether this member shall join a cluster that runs already. */
  readonly isJoining: boolean;
  /** Which log a new data directory gets; default `auto`: for one member alone the embedded one. */
  readonly log?: "auto" | "embedded" | "etcd";
  /** The real etcd, should there be several servers. */
  readonly etcd?: EtcdSettings;
  /** An etcd cluster elsewhere that keeps the log. */
  readonly external?: ExternalEtcd | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** An etcd v3 cluster that somebody else runs, to keep the log. */
export interface ExternalEtcd {
  readonly endpoints: readonly [string, ...string[]];
  /** Of all keys there; servers with the same one share a store. */
  readonly prefix: string;
  readonly tls?: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

export interface EtcdSettings {
  /** The program, as a path or a name to be found in PATH. */
  readonly binary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly listenPeerUrls: readonly string[];
  readonly tuning: EtcdTuning;
}

/** What a server of the store stands on. */
export interface Ground extends AsyncDisposable {
  /** Closed by whoever follows it, before the ground. */
  readonly log: Log;
  readonly membership: Membership;
  /** Aborts, with the Fault that says why, when there is nothing to stand on any more. */
  readonly failed: AbortSignal;
  /** Whether the peer addresses are served by an etcd. */
  readonly hasPeers: boolean;
  /** Tells the ground of a store's only member what it needs to become that of several; the others need not be told. */
  readonly allowGrowth?: (growth: Growth) => void;
}

/** What the embedded log's ground needs of what stands on it, to become that of several servers. */
export interface Growth {
  /** The state at the last entry; nothing is appended until it is given. */
  readonly takeState: () => Promise<LogSnapshot>;
  /** Gives the peer addresses free for etcd; and takes them again, should that fail. */
  readonly closePeers: () => Promise<void>;
  readonly openPeers: () => Promise<void>;
}

/** Opens what the data directory has, or makes what the settings of a first start say. */
export async function openGround(options: GroundOptions, signal: AbortSignal): Promise<Ground> {
  const identity = readIdentity(options.dataDir, options);
  switch (chooseLog(identity, options)) {
    case "embedded":
      return EmbeddedGround.open(identity, options, signal);
    case "etcd":
      return openEtcdGround(identity, options, signal);
    case "external": {
      const { openExternalGround } = await import("#keys/external-ground.ts");
      return openExternalGround(options, signal);
    }
  }
}

async function openEtcdGround(
  identity: Identity | undefined,
  options: GroundOptions,
  signal: AbortSignal,
): Promise<Ground> {
  await using stack = new AsyncDisposableStack();
  stack.use(new DirectoryLock(options.dataDir));
  if (identity !== undefined) refuseLostEtcd(identity, options);
  const engine = stack.use(await openEngine(identity, options, undefined, signal));
  const { clusterId, selfId: id } = engine.membership;
  if (identity === undefined) {
    const first = { firstPeerURLs: options.peerURLs, token: options.token };
    const own = { id, clusterId, peerURLs: options.peerURLs, ...first, log: "etcd" } as const;
    await writeIdentity(options.dataDir, own);
  }
  await setEmbeddedAside(options).catch(cannotTidy(options));
  const owned = stack.move();
  return {
    log: identity?.term === undefined ? engine.log : new SwitchableLog(engine.log, identity.term),
    membership: engine.membership,
    failed: engine.failed,
    hasPeers: true,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Without its data etcd would begin an empty store, under ids that the other members know as this one's. */
function refuseLostEtcd({ id, clusterId }: Identity, { dataDir, name }: GroundOptions): void {
  if (holdsEtcdMember(dataDir)) return;
  throw new Fault(
    "LOG_CORRUPT",
    `Cannot start as ${name}: ${dataDir} is of member ${id} of cluster ${clusterId}, but ${etcdDirectory(dataDir)}, where its etcd kept the store, holds nothing; mount or put back what was there, or remove the member, add it again (etcdctl member remove ${id}, member add) and start it with an empty ${dataDir}, or with no other member left restore a backup (keelson etcd2 restore)`,
  );
}

function chooseLog(identity: Identity | undefined, options: GroundOptions): Identity["log"] {
  const { cluster, dataDir, external, isJoining, log = "auto", name } = options;
  const isElsewhere = identity?.log === "external";
  if (external !== undefined && (identity === undefined || isElsewhere)) return "external";
  if (external !== undefined || isElsewhere)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start as ${name}: ${dataDir} is of a server ${isElsewhere ? "whose log is elsewhere, but log-endpoints is not set" : "that keeps a log of its own, but log-endpoints says that it is elsewhere"}; use another data directory, or the settings of its first start`,
    );
  if (identity !== undefined) return identity.log;
  if (holdsEtcdMember(dataDir)) return "etcd";
  const isAlone = (cluster?.size ?? 1) === 1;
  if (isJoining && isAlone)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot join a cluster as ${name}: initial-cluster-state is existing, but ${dataDir} holds no member and initial-cluster names no other; use new`,
    );
  if (log === "embedded" && !isAlone)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start with ${cluster?.size} members: the embedded log (log=embedded) is for one alone; use log=auto`,
    );
  return log === "etcd" || (log === "auto" && !isAlone) ? "etcd" : "embedded";
}

async function openEngine(
  identity: Identity | undefined,
  options: GroundOptions,
  takeSeed: (() => Promise<LogSnapshot>) | undefined,
  signal: AbortSignal,
): Promise<EtcdEngine> {
  const { etcd, name, cluster, isJoining } = options;
  if (etcd === undefined)
    throw new Fault("CONFIG_INVALID", "Cannot have several members here: no etcd is configured");
  const peerUrls = identity?.firstPeerURLs ?? options.peerURLs;
  const member: EtcdMember = {
    name,
    listenPeerUrls: etcd.listenPeerUrls,
    peerUrls,
    clientUrls: options.clientURLs,
    initialCluster: (takeSeed ? undefined : cluster) ?? new Map([[name, peerUrls]]),
    initialState: isJoining && !takeSeed ? "existing" : "new",
    token: identity?.token ?? options.token,
    tuning: etcd.tuning,
  };
  const { openEtcdEngine } = await import("#keys/etcd-engine.ts"); // with the client of gRPC, which one member alone need not load
  return openEtcdEngine({ ...options, ...etcd, member }, takeSeed, signal);
}

/** One member with the embedded log, which becomes the first of several when another one is added. */
class EmbeddedGround implements Ground {
  readonly hasPeers = false;
  readonly log: SwitchableLog;
  readonly membership: Membership;
  readonly #options: GroundOptions;
  readonly #alone: EmbeddedMembership;
  readonly #signal: AbortSignal;
  readonly #failed = new AbortController();
  readonly #stack = new AsyncDisposableStack();
  #cluster: Membership | undefined;
  #growth: Growth | undefined;
  #growing: Promise<Membership> | undefined;
  #updating: Promise<void> = Promise.resolve();

  static async open(
    found: Identity | undefined,
    options: GroundOptions,
    signal: AbortSignal,
  ): Promise<EmbeddedGround> {
    const log = new SwitchableLog(EmbeddedLog.open(options.dataDir));
    try {
      const identity = found ?? newIdentity(options);
      if (found === undefined) await writeIdentity(options.dataDir, identity);
      return new EmbeddedGround(identity, options, log, signal);
    } catch (error) {
      await log[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(
    identity: Identity,
    options: GroundOptions,
    log: SwitchableLog,
    signal: AbortSignal,
  ) {
    this.log = log;
    this.#options = options;
    this.#signal = signal;
    const grow = async () => (this.#growing ??= this.#updating.then(() => this.#grow()));
    this.#alone = new EmbeddedMembership(identity, { ...options, grow });
    const current = (): Membership => this.#cluster ?? this.#alone;
    this.membership = {
      clusterId: identity.clusterId,
      selfId: identity.id,
      view: () => current().view(),
      add: (peerURLs, isWanted) => current().add(peerURLs, isWanted),
      remove: (id) => current().remove(id),
      update: async (id, peerURLs) => {
        await this.#growing?.catch(() => {}); // both write the identity
        const updating = current().update(id, peerURLs);
        this.#updating = updating.then(
          () => {},
          () => {},
        );
        return updating;
      },
      askEngine: (path) => current().askEngine(path),
    };
  }

  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  allowGrowth(growth: Growth): void {
    this.#growth = growth;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#growing?.catch(() => {});
    await this.#stack.disposeAsync();
  }

  async #grow(): Promise<Membership> {
    const { logger } = this.#options;
    const growth = this.#growth;
    if (growth === undefined)
      throw new Fault(
        "STORE_UNAVAILABLE",
        "Cannot add a member: this server is starting; try again",
      );
    logger.info("becoming the first of several members: moving the log to etcd");
    await growth.closePeers();
    try {
      const membership = await this.#moveToEtcd(growth);
      logger.info("the log is kept by etcd now");
      return membership;
    } catch (error) {
      this.#growing = undefined;
      if (!this.#failed.signal.aborted && !this.#signal.aborted) await growth.openPeers();
      throw error;
    }
  }

  /**
   * The record of the identity decides which log is in charge: until it is written a crash leaves the embedded log,
   * to which nothing was appended meanwhile; afterwards etcd's.
   */
  async #moveToEtcd(growth: Growth): Promise<Membership> {
    const { dataDir } = this.#options;
    const { identity } = this.#alone;
    await using attempt = new AsyncDisposableStack();
    attempt.use(new DirectoryLock(dataDir));
    await rm(etcdDirectory(dataDir), { recursive: true, force: true }); // of an attempt that did not end
    let engine: EtcdEngine | undefined;
    const old = await this.log.switchTo(async (standStill) => {
      const takeSeed = async () => {
        await standStill();
        return growth.takeState();
      };
      engine = attempt.use(await openEngine(identity, this.#options, takeSeed, this.#signal));
      const { clusterId, selfId } = engine.membership;
      if (clusterId !== identity.clusterId || selfId !== identity.id)
        throw new Fault(
          "STORE_UNAVAILABLE",
          `Cannot add a member: etcd calls this one ${selfId} in cluster ${clusterId}, but it is ${identity.id} in ${identity.clusterId}; start it with the initial-cluster-token of its first start`,
        );
      await this.#putInCharge(identity);
      return engine.log;
    });
    if (engine === undefined) throw new TypeError("the log was exchanged without an engine");
    this.#stack.use(attempt.move());
    const { failed, membership } = engine;
    this.#cluster = membership;
    failed.addEventListener("abort", () => this.#failed.abort(failed.reason), { once: true });
    await this.#leaveEmbedded(old, membership).catch(cannotTidy(this.#options));
    return membership;
  }

  async #leaveEmbedded(old: Log, membership: Membership): Promise<void> {
    const { identity } = this.#alone;
    await old[Symbol.asyncDispose]();
    await setEmbeddedAside(this.#options);
    const moved = identity.peerURLs.join() !== identity.firstPeerURLs.join();
    const refusal = moved ? await membership.update(identity.id, identity.peerURLs) : undefined;
    if (refusal)
      this.#options.logger.warn({ refusal }, "this member's peer URLs are the first again");
  }

  /** Has etcd's log in charge from now on; when that is uncertain, the embedded log takes nothing any more. */
  async #putInCharge(identity: Identity): Promise<void> {
    const { dataDir } = this.#options;
    try {
      await writeIdentity(dataDir, { ...identity, log: "etcd", term: this.log.term });
    } catch (error) {
      await writeIdentity(dataDir, identity).catch(async () => {
        await this.log[Symbol.asyncDispose]();
        this.#failed.abort(error);
      });
      throw error;
    }
  }
}

/** Nothing that a store could not be served without. */
function cannotTidy({ logger }: GroundOptions): (err: unknown) => void {
  return (err) => logger.error({ err }, "cannot tidy up after the embedded log");
}

/** Files of the embedded log, which nobody reads any more; kept for a person who wants to go back. */
async function setEmbeddedAside({ clock, dataDir, logger }: GroundOptions): Promise<void> {
  if (!existsSync(join(dataDir, "log.db"))) return;
  const files = await readdir(dataDir);
  const aside = join(dataDir, `embedded-until-${clock.now().toISOString().replaceAll(":", "")}`);
  await mkdir(aside, { mode: 0o700 });
  for (const file of files)
    if (/^(log\.db.*|refused|acknowledged|holder)$/.test(file))
      await rename(join(dataDir, file), join(aside, file));
  logger.info({ aside }, "kept the embedded log's files");
}
