import { lookup, type Resolver, resolveSrv } from "node:dns/promises";
import { isIP } from "node:net";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

/** What is asked of the domain name system; tests name their own server. */
export interface Dns {
  resolveSrv: Resolver["resolveSrv"];
  /** Every address of a host, in text; none when it has none. */
  addresses(host: string): Promise<readonly string[]>;
}

/** As this machine is configured; addresses also from /etc/hosts. */
export const systemDns: Dns = {
  resolveSrv: (name) => resolveSrv(name),
  async addresses(host) {
    const found = await lookup(host, { all: true }).catch(() => []);
    return found.map(({ address }) => address);
  },
};

/** That of a resolver's servers alone. */
export function dnsOf(resolver: Resolver): Dns {
  return {
    resolveSrv: (name) => resolver.resolveSrv(name),
    async addresses(host) {
      if (isIP(host) !== 0) return [host];
      const found = await Promise.all([
        resolver.resolve4(host).catch(() => []),
        resolver.resolve6(host).catch(() => []),
      ]);
      return found.flat();
    },
  };
}

/** A server that a domain's SRV records name. */
export interface SrvTarget {
  /** `https` from `_SERVICE-ssl._tcp`, `http` from `_SERVICE._tcp`. */
  readonly scheme: "http" | "https";
  /** Without a dot at its end. */
  readonly host: string;
  readonly port: number;
}

/** `http://HOST:PORT` of a target. */
export function targetUrl({ scheme, host, port }: SrvTarget): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * The servers of `etcd-client`, `etcd-server` and the like in a domain: those with TLS first, each kind by priority,
 * then by name.
 * @param service without `_` and `._tcp`, such as `etcd-client`
 * @throws {Fault} DISCOVERY_REFUSED when the domain has no such records, or cannot be asked.
 */
export async function srvTargets(service: string, domain: string, dns: Dns): Promise<SrvTarget[]> {
  const asked = [
    { scheme: "https", name: `_${service}-ssl._tcp.${domain}` },
    { scheme: "http", name: `_${service}._tcp.${domain}` },
  ] as const;
  const targets: SrvTarget[] = [];
  const failures: string[] = [];
  for (const { scheme, name } of asked)
    try {
      const records = await dns.resolveSrv(name);
      const order = records.map((record) => ({ ...record, host: record.name.replace(/\.$/, "") }));
      order.sort((a, b) => a.priority - b.priority || compare(a.host, b.host) || a.port - b.port);
      for (const { host, port } of order) targets.push({ scheme, host, port });
    } catch (error) {
      const isNone = isErrno(error, "ENOTFOUND") || isErrno(error, "ENODATA");
      failures.push(`${name}: ${isNone ? "no such record" : reasonOf(error)}`);
    }
  if (targets.length === 0)
    throw new Fault(
      "DISCOVERY_REFUSED",
      `Cannot find etcd in ${domain} by DNS: ${failures.join("; ") || "its SRV records are empty"}; add SRV records there, or name the servers`,
    );
  return targets;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
