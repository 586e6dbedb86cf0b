import { Fault } from "#base/fault.ts";
import { type Dns, srvTargets, targetUrl } from "#keys/dns-srv.ts";
import type { Cluster } from "./core/bootstrap.ts";

export interface SrvClusterOptions {
  /** Whose SRV records name the members (discovery-srv). */
  readonly domain: string;
  /** Ends the service's name: `_etcd-server-SUFFIX._tcp` (discovery-srv-name). */
  readonly suffix?: string | undefined;
  readonly name: string;
  /** This machine's (initial-advertise-peer-urls); none of one that only wants to know the members (a proxy). */
  readonly peerURLs: readonly string[];
  readonly dns: Dns;
}

/**
 * The members that `_etcd-server._tcp.DOMAIN` and `_etcd-server-ssl._tcp.DOMAIN` name. As from etcd, the one at this
 * machine's peer address has this machine's name, the others are called 0, 1, …; a target without an address is left
 * out.
 * @throws {Fault} DISCOVERY_REFUSED, CONFIG_INVALID when the records have another scheme than this machine's URL.
 */
export async function srvCluster(options: SrvClusterOptions): Promise<Cluster> {
  const { domain, suffix, name, dns } = options;
  const own = await ownAddresses(options);
  const cluster = new Map<string, string[]>();
  let others = 0;
  const service = suffix ? `etcd-server-${suffix}` : "etcd-server";
  for (const target of await srvTargets(service, domain, dns)) {
    const url = targetUrl(target);
    const addresses = await dns.addresses(target.host);
    if (addresses.length === 0) continue;
    const mine = addresses
      .map((address) => own.get(`${address} ${target.port}`))
      .find((found) => found !== undefined);
    if (mine !== undefined && new URL(mine).protocol !== `${target.scheme}:`)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot find the cluster in ${domain} by DNS: its record for this machine says ${url}, but initial-advertise-peer-urls ${mine}; make both http or both https`,
      );
    if (mine !== undefined) cluster.set(name, [...(cluster.get(name) ?? []), url]);
    else cluster.set(String(others++), [url]);
  }
  if (cluster.size === 0)
    throw new Fault(
      "DISCOVERY_REFUSED",
      `Cannot find the cluster in ${domain} by DNS: no host that its SRV records name has an address; correct the records`,
    );
  return cluster;
}

/** Addresses with their port, of this machine's peer URLs, to those URLs. */
async function ownAddresses({ peerURLs, dns }: SrvClusterOptions): Promise<Map<string, string>> {
  const own = new Map<string, string>();
  for (const text of peerURLs) {
    const { hostname, port, protocol } = new URL(text);
    const host = hostname.replace(/^\[|\]$/g, "");
    for (const address of await dns.addresses(host))
      own.set(`${address} ${port || (protocol === "https:" ? 443 : 80)}`, text);
  }
  return own;
}
