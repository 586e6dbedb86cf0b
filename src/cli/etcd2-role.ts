import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { clientTls } from "#base/tls.ts";
import {
  type Cluster,
  checkOwnPlace,
  type Etcd2Settings,
  mayBeMember,
} from "#cli/etcd2-settings.ts";
import { holdsMember } from "#keys/member-identity.ts";
import { readProxyPeers } from "#keys/proxy-memory.ts";

export type Role =
  | {
      readonly kind: "member";
      readonly clientURLs: readonly string[];
      readonly peerURLs: readonly string[];
      /** Undefined: alone, or as the data directory knows. */
      readonly cluster: Cluster | undefined;
      readonly token: string;
      /** Whether it joins a cluster that runs, whatever the settings say. */
      readonly isJoining?: true;
    }
  | { readonly kind: "proxy"; readonly peers: readonly string[]; readonly isReadonly: boolean };

interface Parts {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Member or proxy, and with whom: what the data directory remembers, else what the settings name, else what a discovery
 * URL or DNS tells.
 * @throws {Fault} CONFIG_INVALID, DISCOVERY_REFUSED
 */
export async function findRole(
  settings: Etcd2Settings,
  parts: Parts,
  signal: AbortSignal,
): Promise<Role> {
  const { dataDir, initial, name, proxy } = settings;
  if (!mayBeMember(name, proxy, initial)) return asProxy(settings, parts, signal);
  if (holdsMember(dataDir)) {
    const named = initial.kind === "static" ? initial.cluster : undefined; // to say who is awaited
    return asMember(settings, named, settings.token);
  }
  const known = readProxyPeers(dataDir);
  if (known !== undefined && initial.kind === "discovery")
    return { kind: "proxy", peers: known, isReadonly: false };
  if (initial.kind !== "discovery") {
    const cluster = await find(settings, parts, signal);
    if (cluster !== undefined && proxy === "auto" && !cluster.has(name))
      return { kind: "proxy", peers: [...cluster.values()].flat(), isReadonly: false };
    if (cluster !== undefined) checkOwnPlace(ownAt(settings, cluster), cluster);
    return asMember(settings, cluster, settings.token);
  }
  const { joinCluster } = await import("#discovery/join-cluster.ts");
  const { url, httpProxy } = initial;
  const { peerURLs } = settings;
  const notePath = join(dataDir, "discovery");
  const own = { name, peerURLs };
  const joined = await joinCluster({ ...parts, ...own, url, proxy: httpProxy, notePath }, signal);
  if (joined.kind === "member" && joined.isReturning) {
    const { returnToCluster } = await import("#discovery/return-to-cluster.ts");
    const tls = clientTls(settings.tls.peer);
    const left = { ...parts, ...own, cluster: joined.cluster, tls };
    const cluster = await returnToCluster(left, signal);
    return { ...asMember(settings, cluster, joined.token), isJoining: true };
  }
  if (joined.kind === "member") return asMember(settings, joined.cluster, joined.token);
  if (settings.fallback === "exit")
    throw new Fault(
      "DISCOVERY_REFUSED",
      `Cannot join through ${url}: it has all the members it shall have; use another URL, or let this one be a proxy (discovery-fallback=proxy)`,
    );
  parts.logger.info({ url }, "the cluster has all its members: being a proxy to them");
  return { kind: "proxy", peers: [...joined.cluster.values()].flat(), isReadonly: false };
}

async function asProxy(settings: Etcd2Settings, parts: Parts, signal: AbortSignal): Promise<Role> {
  const known = readProxyPeers(settings.dataDir);
  const named = async () => {
    const cluster = await find(settings, parts, signal);
    return [...(cluster?.values() ?? [settings.peerURLs])].flat();
  };
  const peers = known ?? (await named());
  return { kind: "proxy", peers, isReadonly: settings.proxy === "readonly" };
}

/** The members that are named, here or elsewhere; undefined when none are. */
async function find(
  settings: Etcd2Settings,
  parts: Parts,
  signal: AbortSignal,
): Promise<Cluster | undefined> {
  const { initial, name } = settings;
  switch (initial.kind) {
    case "static":
      return initial.cluster;
    case "discovery": {
      const { findCluster } = await import("#discovery/join-cluster.ts");
      return findCluster({ ...parts, url: initial.url, proxy: initial.httpProxy }, signal);
    }
    case "srv": {
      const { srvCluster } = await import("#discovery/srv-cluster.ts");
      const { systemDns } = await import("#keys/dns-srv.ts");
      const isMember = mayBeMember(name, settings.proxy, initial);
      const peerURLs = isMember ? settings.peerURLs : [];
      return srvCluster({ ...initial, name, peerURLs, dns: systemDns });
    }
    default:
      return initial satisfies never;
  }
}

/** DNS names a member by a host that stands for its address: then its own URLs are those of the records. */
function ownAt(
  settings: Etcd2Settings,
  cluster: Cluster,
): Pick<Etcd2Settings, "name" | "peerURLs"> {
  const { name, peerURLs, initial } = settings;
  return { name, peerURLs: initial.kind === "srv" ? (cluster.get(name) ?? peerURLs) : peerURLs };
}

function asMember(
  settings: Etcd2Settings,
  cluster: Cluster | undefined,
  token: string,
): Extract<Role, { kind: "member" }> {
  const { clientURLs, listenClientUrls, peerURLs, initial } = settings;
  if (clientURLs === undefined)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot tell clients where to come: listen-client-urls has ${listenClientUrls.join()}, which is no address; set advertise-client-urls`,
    );
  const own = initial.kind === "srv" ? cluster?.get(settings.name) : undefined;
  return { kind: "member", clientURLs, peerURLs: own ?? peerURLs, cluster, token };
}
