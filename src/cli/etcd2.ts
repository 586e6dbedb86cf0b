import { readFile } from "node:fs/promises";
import { systemClock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { checkFree } from "#base/listen.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { checkDataDirectory } from "#base/make-directory.ts";
import { notifyReady } from "#base/notify.ts";
import { followClientTls } from "#base/tls.ts";
import { findRole, type Role } from "#cli/etcd2-role.ts";
import { type Etcd2Settings, type LogElsewhere, readEtcd2Settings } from "#cli/etcd2-settings.ts";
import { openServerTls, type TlsContext } from "#cli/etcd2-tls.ts";
import type { Io, Program } from "#cli/program.ts";
import { holdsMember } from "#keys/member-identity.ts";

const HELP = `Usage: keelson etcd2 [flags]
       keelson etcd2 backup|restore|import --help

Runs the key-value store with etcd's v2 API, or a proxy to it. Each flag can be given in the environment too,
as ETCD_ and its name in capitals, with _ for -.

  --name default                         this member's name
  --data-dir NAME.etcd                   where the store is kept
  --listen-client-urls http://localhost:2379
  --advertise-client-urls URLS           what clients are told; default: what is listened on
  --listen-peer-urls http://localhost:2380
  --initial-advertise-peer-urls URLS     default: what is listened on
  --initial-cluster NAME=URL,...         the members by their peer URLs; default: this one alone
  --initial-cluster-state new            new, or existing to join a cluster as etcdctl member add says
  --initial-cluster-token etcd-cluster
  --discovery URL                        find the members at a discovery service; --discovery-fallback proxy
                                         or exit when they are complete; --discovery-proxy URL
  --discovery-srv DOMAIN                 find the members by DNS; --discovery-srv-name SUFFIX
  --log auto                             auto: the embedded log for one member alone, a real etcd for several;
                                         embedded or etcd for a new data directory
  --etcd etcd                            the etcd program for that (or the variable KEELSON_ETCD)
  --log-endpoints URLS, --log-prefix /keelson
                                         keep the log in an etcd v3 cluster that runs already; with TLS by
                                         --log-ca-file, --log-cert-file, --log-key-file
  --strict-reconfig-check, --force-new-cluster, --heartbeat-interval MS, --election-timeout MS
                                         for that etcd
  --proxy off                            off, on, readonly, or auto: a member when initial-cluster has this
                                         name, else a proxy
  --cors ORIGINS                         web pages that may use the store; * for all
  --cert-file PATH, --key-file PATH      for https: listen URLs; read again when they change
  --client-cert-auth                     refuse clients without a certificate of --trusted-ca-file
  --trusted-ca-file PATH
  --auto-tls                             make a self-signed certificate in the data directory
  --peer-cert-file, --peer-key-file, --peer-client-cert-auth, --peer-trusted-ca-file, --peer-auto-tls
                                         the same between members and proxies
`;

/** What else can be done with a store, by the first argument. */
const TOOLS: Readonly<Record<string, () => Promise<Program>>> = {
  backup: async () => (await import("#cli/etcd2-backup.ts")).etcd2Backup,
  restore: async () => (await import("#cli/etcd2-restore.ts")).etcd2Restore,
  import: async () => (await import("#cli/etcd2-import.ts")).etcd2Import,
};

export const etcd2: Program = async (args, io) => {
  const tool = TOOLS[args[0] ?? ""];
  if (tool) return (await tool())(args.slice(1), io);
  if (args.some((arg) => /^(-h|--?help)$/.test(arg))) {
    io.stdout.write(HELP);
    return 0;
  }
  try {
    return await serve(readEtcd2Settings(args, io), io);
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) return 0; // told to stop while it waited for others
    throw error;
  }
};

async function serve(settings: Etcd2Settings, io: Io): Promise<number> {
  const { ignored, name } = settings;
  checkDataDirectory(settings.dataDir);
  const isNew = !holdsMember(settings.dataDir); // what is wrong is then said before anything is made
  if (isNew) await checkFree(settings.listenClient);
  const shared = {
    logger: openLogger(),
    clock: systemClock,
    onListening: () => notifyReady(io.env),
  };
  const { logger } = shared;
  if (ignored.length > 0) logger.info({ ignored }, "settings of etcd that have no meaning here");
  const parts = { ...shared, random: Math.random };
  const role = await findRole(settings, parts, io.signal);
  if (isNew && role.kind === "member") await checkFree(settings.listenPeer);
  const serving = await openBoth(settings, role, shared);
  if (role.kind === "member") {
    const { runMember } = await import("#keys/run-member.ts");
    const { etcd: binary, listenPeerUrls, tuning } = settings;
    const etcd = { binary, env: io.env, listenPeerUrls, tuning };
    const external = settings.external && (await readElsewhere(settings.external));
    const placed = { ...settings, ...role, clientURLs: role.clientURLs, external };
    await runMember({ ...placed, ...parts, ...serving, etcd }, io.signal);
  } else {
    const { runProxy } = await import("#keys/proxy.ts");
    const { writeProxyPeers } = await import("#keys/proxy-memory.ts");
    const { listenClient: listen, cors, dataDir } = settings;
    const { peers, isReadonly } = role;
    logger.info({ name, peers }, "being a proxy");
    await runProxy({
      ...shared,
      listen,
      peers,
      readonly: isReadonly,
      cors,
      serverTls: serving.clientTls,
      tls: followClientTls(settings.tls.peer, logger),
      onPeers: (now) => keepPeers(() => writeProxyPeers(dataDir, now), logger),
      signal: io.signal,
    });
  }
  return 0;
}

/** With what its files hold. */
async function readElsewhere(log: LogElsewhere) {
  const { endpoints, prefix, caFile, certFile, keyFile } = log;
  const read = async (path: string) => {
    try {
      return await readFile(path);
    } catch (cause) {
      throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
    }
  };
  const tls = {
    ...(caFile !== undefined && { ca: await read(caFile) }),
    ...(certFile !== undefined && { cert: await read(certFile) }),
    ...(keyFile !== undefined && { key: await read(keyFile) }),
  };
  return { endpoints, prefix, tls };
}

/** A proxy that cannot keep what it learnt goes on all the same. */
async function keepPeers(write: () => Promise<void>, logger: Logger): Promise<void> {
  await write().catch((err: unknown) => logger.warn({ err }, "cannot keep the members' addresses"));
}

/** What the client and the peer addresses are served with. */
async function openBoth(
  settings: Etcd2Settings,
  role: Role,
  { logger, clock }: Pick<TlsContext, "logger" | "clock">,
) {
  const { dataDir, listenClientUrls, listenPeerUrls, tls } = settings;
  const shared = { dataDir, logger, clock };
  const isMember = role.kind === "member";
  const toldUrls = isMember ? role.clientURLs : [];
  const client = { ...shared, listenUrls: listenClientUrls, toldUrls };
  const peer = {
    ...shared,
    listenUrls: isMember ? listenPeerUrls : [],
    toldUrls: isMember ? role.peerURLs : [],
  };
  return {
    clientTls: await openServerTls(tls.client, client),
    peerTls: await openServerTls(tls.peer, peer),
  };
}
