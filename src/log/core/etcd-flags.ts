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
  readonly text: string;
}

/** The socket for clients, in the data directory; etcd wants the form HOST:PORT and takes it for a file's name. */
export const CLIENT_SOCKET = "client:0";

const QUOTA_BYTES = 8 * 1024 ** 3; // the most that etcd suggests
const REQUEST_MAX_BYTES = 32 * 1024 ** 2; // a value of 10 MB, the most that the v2 API takes, and its escapes
/** Entries that etcd holds in memory; ours are batches and may be large. The default of 3.6, ten times less than 3.4's. */
const SNAPSHOT_COUNT = 10_000;

/** Reads what `etcd --version` prints; undefined when it is something else. */
export function parseEtcdVersion(output: string): EtcdVersion | undefined {
  const found = /^etcd Version: ((\d+)\.(\d+)\.\S+)/m.exec(output);
  if (found === null) return undefined;
  const [, text = "", major, minor] = found;
  return { major: Number(major), minor: Number(minor), text };
}

/** Why a version cannot be used, or undefined. */
export function versionObstacle({ major, minor, text }: EtcdVersion): string | undefined {
  const isKnown = major === 3 && minor >= 3;
  return isKnown ? undefined : `its version is ${text}, but 3.3 or a later 3.x is needed`;
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
