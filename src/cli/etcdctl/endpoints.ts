import { Fault } from "#base/fault.ts";
import { type CommandRun, plainRefusal } from "./command.ts";

const DEFAULT_ENDPOINTS = "http://127.0.0.1:2379,http://127.0.0.1:4001";
const SRV_SERVICE = "etcd-client"; // _etcd-client._tcp and _etcd-client-ssl._tcp

type Given = Pick<CommandRun, "globals" | "io">;

/** The endpoints by DNS, flag or environment, in etcdctl's order of precedence. */
export async function endpointsOf(given: Given): Promise<string[]> {
  const domain = discoveryDomain(given);
  const discovered = domain === "" ? [] : await discover(given, domain);
  return discovered.length > 0 ? discovered : namedEndpoints(given);
}

/** The endpoints by flag or environment. */
export function namedEndpoints({ globals, io }: Given): string[] {
  const { env } = io;
  const text =
    globals.text("endpoints") ||
    env["ETCDCTL_ENDPOINTS"] ||
    globals.text("endpoint") ||
    env["ETCDCTL_ENDPOINT"] ||
    globals.text("peers") ||
    env["ETCDCTL_PEERS"] ||
    DEFAULT_ENDPOINTS;
  const given = text.split(",").map((endpoint) => endpoint.trim());
  return given
    .filter((endpoint) => endpoint !== "")
    .map((endpoint) => (endpoint.includes("://") ? endpoint : `http://${endpoint}`));
}

/** The domain whose SRV records name the servers; empty without one. */
export function discoveryDomain({ globals, io }: Given): string {
  return globals.text("discovery-srv") || io.env["ETCDCTL_DISCOVERY_SRV"] || "";
}

/** Whether servers without TLS are taken from there too. */
export function isInsecureDiscovery({ globals, io }: Given): boolean {
  return globals.bool("insecure-discovery") || Boolean(io.env["ETCDCTL_INSECURE_DISCOVERY"]);
}

async function discover(given: Given, domain: string): Promise<string[]> {
  const { srvTargets, systemDns, targetUrl } = await import("#keys/dns-srv.ts");
  try {
    const urls = (await srvTargets(SRV_SERVICE, domain, systemDns)).map(targetUrl);
    if (isInsecureDiscovery(given)) return urls;
    for (const url of urls.filter(isInsecure))
      given.io.stderr.write(`ignoring discovered insecure endpoint ${JSON.stringify(url)}\n`);
    return urls.filter((url) => !isInsecure(url));
  } catch (error) {
    if (error instanceof Fault) throw plainRefusal(error.message);
    throw error;
  }
}

function isInsecure(url: string): boolean {
  return url.startsWith("http://");
}
