/** How a member of a real etcd cluster is run: what becomes etcd's own flags. */
export interface EtcdMember {
  readonly name: string;
  readonly listenPeerUrls: readonly string[];
  readonly peerUrls: readonly string[];
  /** What clients of the cluster are told; not where this etcd listens, which is private. */
  readonly clientUrls: readonly string[];
  /** Peer URLs by name, of the first start; etcd ignores them later. */
  readonly initialCluster: ReadonlyMap<string, readonly string[]>;
  readonly initialState: "new" | "existing";
  readonly token: string;
  readonly tuning: EtcdTuning;
}

/** What is passed through to etcd as it was given. */
export interface EtcdTuning {
  readonly heartbeatMs?: number;
  readonly electionMs?: number;
  readonly strictReconfigCheck?: boolean;
  /** Whether it goes on alone from its data, without the cluster's other members. */
  readonly forceNewCluster?: boolean;
  /** How peers prove themselves, by etcd's own flags' names: `peer-cert-file` and so on. */
  readonly peerTls?: Readonly<Record<string, string>>;
}

export interface EtcdVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly text: string;
}

/** The socket for clients, in the data directory; etcd wants the form HOST:PORT and takes it for a file's name. */
export const CLIENT_SOCKET = "client:0";

/** The real etcd takes nothing more when its file is larger. */
export const QUOTA_BYTES = 8 * 1024 ** 3; // the most that etcd suggests
const REQUEST_MAX_BYTES = 32 * 1024 ** 2; // a value of 10 MB, the most that the v2 API takes, and its escapes
/** etcd holds so many entries in memory and 5,000 more; ours are batches of up to 1 MiB. Its default is up to 100,000. */
const SNAPSHOT_COUNT = 2_000;

/** Reads what `etcd --version` prints; undefined when it is something else. */
export function parseEtcdVersion(output: string): EtcdVersion | undefined {
  const found = /^etcd Version: ((\d+)\.(\d+)\.(\d+)\S*)/m.exec(output);
  if (found === null) return undefined;
  const [, text = "", major, minor, patch] = found;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), text };
}

/** Why a version cannot be used, or undefined. */
export function versionObstacle({ major, minor, text }: EtcdVersion): string | undefined {
  const isKnown = major === 3 && minor >= 3;
  return isKnown ? undefined : `its version is ${text}, but 3.3 or a later 3.x is needed`;
}

/** What is known against a version that can be used, and what to take; undefined when nothing is. */
export function versionCaution({ minor, patch, text }: EtcdVersion): string | undefined {
  const take = "take 3.5.6 or later, or 3.4.22 or later of 3.4";
  if (minor === 5 && patch <= 2)
    return `etcd ${text} is known to let members' data differ after a crash; ${take}`;
  const isOld = minor < 4 || (minor === 4 && patch < 22) || (minor === 5 && patch < 6);
  return isOld
    ? `etcd ${text} has known faults that can lose what was written, or let members' data differ, in a crash; ${take}`
    : undefined;
}

/** The flags of a member for this version of etcd. */
export function etcdFlags(member: EtcdMember, dataDir: string, version: EtcdVersion): string[] {
  const cluster = [...member.initialCluster].flatMap(([name, urls]) =>
    urls.map((url) => `${name}=${url}`),
  );
  const { heartbeatMs, electionMs, strictReconfigCheck, forceNewCluster } = member.tuning;
  const { peerTls = {} } = member.tuning;
  const flags: Record<string, string | number | boolean | undefined> = {
    name: member.name,
    "data-dir": dataDir,
    "listen-peer-urls": member.listenPeerUrls.join(","),
    "initial-advertise-peer-urls": member.peerUrls.join(","),
    "listen-client-urls": `unix://${CLIENT_SOCKET}`,
    "advertise-client-urls": member.clientUrls.join(","),
    "initial-cluster": cluster.join(","),
    "initial-cluster-state": member.initialState,
    "initial-cluster-token": member.token,
    "quota-backend-bytes": QUOTA_BYTES,
    "max-request-bytes": REQUEST_MAX_BYTES,
    "snapshot-count": SNAPSHOT_COUNT,
    "heartbeat-interval": heartbeatMs,
    "election-timeout": electionMs,
    "strict-reconfig-check": strictReconfigCheck,
    "force-new-cluster": forceNewCluster,
    ...peerTls,
    ...(version.minor < 6 && { "enable-v2": true }), // on the private socket: its statistics of peers
    ...(version.minor >= 4 && {
      "enable-grpc-gateway": false,
      logger: "zap",
      "log-outputs": "stderr",
    }),
  };
  return Object.entries(flags)
    .filter(([, value]) => value !== undefined)
    .map(([flag, value]) => `--${flag}=${value}`);
}
