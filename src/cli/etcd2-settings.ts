import { join, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { type Address, parseTlsAddress } from "#base/listen.ts";
import { type Etcd2Values, readEtcd2Values } from "#cli/etcd2-flags.ts";
import { readTlsSettings, type TlsSettings } from "#cli/etcd2-tls.ts";
import type { Io } from "#cli/program.ts";
import type { EtcdTuning } from "#log/core/etcd-flags.ts";

/** Peer URLs of members by name. */
export type Cluster = ReadonlyMap<string, readonly string[]>;

/** How the members are found at a first start. */
export type Initial =
  /** `cluster` is undefined when none was named: this one alone. */
  | { readonly kind: "static"; readonly cluster: Cluster | undefined }
  | { readonly kind: "discovery"; readonly url: string; readonly httpProxy: string | undefined }
  | { readonly kind: "srv"; readonly domain: string; readonly suffix: string | undefined };

/** An etcd cluster that somebody else runs. */
export interface LogElsewhere {
  readonly endpoints: readonly [string, ...string[]];
  readonly prefix: string;
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

/** What `keelson etcd2` shall be: a member of the store, or a proxy to its members. */
export interface Etcd2Settings {
  readonly name: string;
  readonly dataDir: string;
  readonly proxy: "off" | "on" | "readonly" | "auto";
  readonly initial: Initial;
  /** What a member becomes that finds the places at a discovery URL taken. */
  readonly fallback: "exit" | "proxy";
  readonly token: string;
  readonly isJoining: boolean;
  readonly listenClient: readonly Address[];
  readonly listenClientUrls: readonly string[];
  readonly listenPeer: readonly Address[];
  readonly listenPeerUrls: readonly string[];
  /** What clients are told; undefined where that has to be named but is not, as only a member needs it. */
  readonly clientURLs: readonly string[] | undefined;
  readonly peerURLs: readonly string[];
  readonly log: "auto" | "embedded" | "etcd";
  /** An etcd cluster elsewhere that shall keep the log. */
  readonly external: LogElsewhere | undefined;
  /** The etcd program. */
  readonly etcd: string;
  readonly tuning: EtcdTuning;
  /** Origins of web pages that may use the store. */
  readonly cors: readonly string[];
  readonly tls: { readonly client: TlsSettings; readonly peer: TlsSettings };
  /** Settings of etcd that were given and have no meaning here. */
  readonly ignored: readonly string[];
}

/** @throws {Fault} USAGE for flags that are none, CONFIG_INVALID naming the setting and where it came from. */
export function readEtcd2Settings(
  args: readonly string[],
  io: Pick<Io, "env" | "cwd">,
): Etcd2Settings {
  const { values, ignored } = readEtcd2Values(args, io.env);
  const { name, proxy } = values;
  const { cwd } = io;
  const listenPeerUrls = values["listen-peer-urls"];
  const listenClientUrls = values["listen-client-urls"];
  const initial = readInitial(values);
  const isMember = mayBeMember(name, proxy, initial);
  const peer = readTlsSettings(values, "peer", { listenUrls: isMember ? listenPeerUrls : [], cwd });
  return {
    name,
    proxy,
    initial,
    ignored,
    dataDir: resolve(cwd, values["data-dir"] ?? defaultDataDir(name, io.env)),
    fallback: values["discovery-fallback"],
    token: values["initial-cluster-token"],
    isJoining: values["initial-cluster-state"] === "existing",
    listenClient: listenClientUrls.map(parseTlsAddress),
    listenClientUrls,
    listenPeer: listenPeerUrls.map(parseTlsAddress),
    listenPeerUrls,
    clientURLs: values["advertise-client-urls"] ?? reachable(listenClientUrls),
    peerURLs: ownPeerUrls(values, initial, isMember),
    log: values.log,
    external: readElsewhere(values, cwd),
    etcd: values.etcd.includes("/") ? resolve(cwd, values.etcd) : values.etcd,
    tuning: readTuning(values, peer),
    cors: values.cors,
    tls: {
      client: readTlsSettings(values, "client", { listenUrls: listenClientUrls, cwd }),
      peer,
    },
  };
}

/** Whether `proxy` and what is named let it be a member; a discovery URL tells later. */
export function mayBeMember(
  name: string,
  proxy: Etcd2Settings["proxy"],
  initial: Initial,
): boolean {
  if (proxy !== "auto") return proxy === "off";
  return initial.kind !== "static" || (initial.cluster?.has(name) ?? true);
}

/** @throws {Fault} CONFIG_INVALID when this member is not among its own cluster, or differs from what that says. */
export function checkOwnPlace(
  { name, peerURLs }: Pick<Etcd2Settings, "name" | "peerURLs">,
  cluster: Cluster,
): void {
  const own = cluster.get(name);
  if (own === undefined)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start as a member: initial-cluster names ${[...cluster.keys()].join(", ")} but not this name, ${name}; correct it, or set proxy to on`,
    );
  if (peerURLs.toSorted().join() !== own.toSorted().join())
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start as ${name}: initial-cluster has ${own.join(", ")} for it but initial-advertise-peer-urls is ${peerURLs.join(", ")}; make them equal`,
    );
}

function readInitial(values: Etcd2Values): Initial {
  const given = (["initial-cluster", "discovery", "discovery-srv"] as const).filter(
    (name) => values[name] !== undefined,
  );
  if (given.length > 1)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use ${given.join(" and ")} together: each says by itself who the members are; keep one`,
    );
  if (values.discovery !== undefined)
    return { kind: "discovery", url: values.discovery, httpProxy: values["discovery-proxy"] };
  if (values["discovery-srv"] !== undefined)
    return {
      kind: "srv",
      domain: values["discovery-srv"],
      suffix: values["discovery-srv-name"],
    };
  return { kind: "static", cluster: values["initial-cluster"] };
}

function ownPeerUrls(values: Etcd2Values, initial: Initial, isMember: boolean): readonly string[] {
  const advertised = values["initial-advertise-peer-urls"];
  const listed = initial.kind === "static" ? initial.cluster?.get(values.name) : undefined;
  const urls = advertised ?? listed ?? values["listen-peer-urls"];
  const wildcard = urls.find(isWildcard);
  if (isMember && wildcard !== undefined && initial.kind !== "static")
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot tell the other members where to come: the peer address ${wildcard} is no address; set initial-advertise-peer-urls`,
    );
  return urls;
}

function readElsewhere(values: Etcd2Values, cwd: string): LogElsewhere | undefined {
  const [first, ...others] = values["log-endpoints"] ?? [];
  if (first === undefined) return undefined;
  const path = (name: "log-ca-file" | "log-cert-file" | "log-key-file") => {
    const given = values[name];
    return given === undefined ? undefined : resolve(cwd, given);
  };
  return {
    endpoints: [first, ...others],
    prefix: values["log-prefix"],
    caFile: path("log-ca-file"),
    certFile: path("log-cert-file"),
    keyFile: path("log-key-file"),
  };
}

/** etcd's peer flags are passed on, but not its old name for the authorities. */
function readTuning(values: Etcd2Values, peer: TlsSettings): EtcdTuning {
  const tls = {
    "peer-cert-file": peer.certFile,
    "peer-key-file": peer.keyFile,
    "peer-trusted-ca-file": peer.caFiles.at(-1),
    "peer-client-cert-auth": peer.isClientCertRequired ? "true" : undefined,
    "peer-auto-tls": peer.isAuto ? "true" : undefined,
  };
  const given = Object.entries(tls).filter(([, value]) => value !== undefined);
  const [heartbeatMs, electionMs] = [values["heartbeat-interval"], values["election-timeout"]];
  const strictReconfigCheck = values["strict-reconfig-check"];
  const forceNewCluster = values["force-new-cluster"];
  return {
    ...(heartbeatMs !== undefined && { heartbeatMs }),
    ...(electionMs !== undefined && { electionMs }),
    ...(strictReconfigCheck !== undefined && { strictReconfigCheck }),
    ...(forceNewCluster !== undefined && { forceNewCluster }),
    peerTls: Object.fromEntries(given) as Record<string, string>,
  };
}

function defaultDataDir(name: string, env: Io["env"]): string {
  const root = env["KEELSON_ROOT"];
  return root ? join(root, "var/lib/etcd2") : `${name}.etcd`;
}

/** The addresses listened on are told to clients, unless they stand for all of the machine's; its sockets are its own. */
function reachable(listenUrls: readonly string[]): readonly string[] | undefined {
  const urls = listenUrls.filter((url) => !url.startsWith("unix:"));
  return urls.length === 0 || urls.some(isWildcard) ? undefined : urls;
}

function isWildcard(url: string): boolean {
  return /^https?:\/\/(0\.0\.0\.0|\[::\])(:|$)/.test(url);
}
