import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { notifyReady } from "#base/notify.ts";
import { clientTls } from "#base/tls.ts";
import { type Etcd2Settings, readEtcd2Settings } from "#cli/etcd2-settings.ts";
import { openServerTls, type TlsContext } from "#cli/etcd2-tls.ts";
import type { Program } from "#cli/program.ts";

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
  --initial-cluster-state new            new or existing
  --initial-cluster-token etcd-cluster
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
  const settings = readEtcd2Settings(args, io);
  const shared = {
    logger: openLogger(),
    clock: systemClock,
    onListening: () => notifyReady(io.env),
  };
  if (settings.role === "member") {
    const { runMember } = await import("#keys/run-member.ts");
    const serving = await openBoth(settings, shared, settings.clientURLs);
    await runMember({ ...settings, ...shared, ...serving, random: Math.random }, io.signal);
  } else {
    const { runProxy } = await import("#keys/proxy.ts");
    const { listenClient: listen, peers, isReadonly, cors } = settings;
    const { clientTls: serverTls } = await openBoth(settings, shared, []);
    const proxy = { listen, peers, readonly: isReadonly, cors, serverTls };
    const tls = clientTls(settings.tls.peer);
    await runProxy({ ...shared, ...proxy, tls, signal: io.signal });
  }
  return 0;
};

/** What the client and the peer addresses are served with. */
async function openBoth(
  settings: Etcd2Settings,
  { logger, clock }: Pick<TlsContext, "logger" | "clock">,
  clientUrls: readonly string[],
) {
  const { dataDir, listenClientUrls, listenPeerUrls } = settings;
  const shared = { dataDir, logger, clock };
  const client = { ...shared, listenUrls: listenClientUrls, toldUrls: clientUrls };
  const isMember = settings.role === "member";
  const peer = {
    ...shared,
    listenUrls: isMember ? listenPeerUrls : [],
    toldUrls: isMember ? settings.peerURLs : [],
  };
  return {
    clientTls: await openServerTls(settings.tls.client, client),
    peerTls: await openServerTls(settings.tls.peer, peer),
  };
}
