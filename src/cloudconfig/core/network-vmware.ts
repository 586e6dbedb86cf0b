import { formatIp, formatNetwork, parseCidr, parseIp, parseMac } from "./network-address.ts";
import { INTERFACES_MAX, interfaceName, NAMESERVERS_MAX, refusal } from "./network-refusal.ts";
import type { Method, NetworkInterface, Route } from "./network-units.ts";

type Variables = Readonly<Record<string, string>>;

/**
 * The interfaces that VMware's guestinfo variables describe. Numbers count from 0 without a gap: the first interface
 * without addresses, routes and `dhcp` ends the list, and is passed over.
 * @param config variables by name, such as `interface.0.ip.0.address`, without `guestinfo.` in front
 * @throws {Fault} CLOUD_CONFIG_INVALID naming the variable
 */
export function readVmware(config: unknown): readonly NetworkInterface[] {
  const variables = readVariables(config);
  const nameservers = readList(variables, (i) => `dns.server.${i}`).map(([key, text]) => {
    const ip = parseIp(text);
    if (ip === undefined) throw wrong(key, text, "an address such as 10.0.0.1");
    return formatIp(ip);
  });
  const domains = readList(variables, (i) => `dns.domain.${i}`).map(([key, text]) => {
    if (!/^[\x20-\x7e]*$/.test(text)) throw wrong(key, text, "a domain such as example.com");
    return text;
  });
  const interfaces: NetworkInterface[] = [];
  for (;;) {
    const prefix = `interface.${interfaces.length}.`;
    const one = readInterface(variables, prefix, { nameservers, domains });
    if (one === undefined) return interfaces;
    interfaces.push(one);
    if (interfaces.length > INTERFACES_MAX)
      throw refusal("vmware", prefix, `there are more than ${INTERFACES_MAX} interfaces`);
  }
}

function readVariables(config: unknown): Variables {
  if (typeof config !== "object" || config === null)
    throw refusal("vmware", "guestinfo", "expected variables by name");
  for (const [key, value] of Object.entries(config))
    if (typeof value !== "string") throw refusal("vmware", key, "expected text");
  return Object.assign(Object.create(null), config) as Variables;
}

/** The variables numbered from 0 up to the first that is not there. */
function readList(
  variables: Variables,
  keyOf: (i: number) => string,
): readonly (readonly [key: string, text: string])[] {
  const found: [string, string][] = [];
  for (;;) {
    const key = keyOf(found.length);
    const text = variables[key];
    if (text === undefined) return found;
    if (found.length === NAMESERVERS_MAX)
      throw refusal("vmware", key, `is one more than the ${NAMESERVERS_MAX} there may be`);
    found.push([key, text]);
  }
}

function readInterface(
  variables: Variables,
  prefix: string,
  dns: { readonly nameservers: readonly string[]; readonly domains: readonly string[] },
): NetworkInterface | undefined {
  const isDhcp = readDhcp(variables, `${prefix}dhcp`);
  const addresses = readList(variables, (i) => `${prefix}ip.${i}.address`).map(([key, text]) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw wrong(key, text, "an address such as 10.0.0.2/8");
    return formatNetwork(cidr.ip, cidr.mask)!;
  });
  const routes = readRoutes(variables, prefix);

  const macText = variables[`${prefix}mac`];
  const mac = macText === undefined ? undefined : parseMac(macText);
  if (macText !== undefined && mac === undefined)
    throw wrong(`${prefix}mac`, macText, "a hardware address such as 52:54:00:12:34:56");
  const nameText = variables[`${prefix}name`] ?? "";
  const name = nameText === "" ? "" : interfaceName("vmware", `${prefix}name`, nameText);

  const common = { name, mac, depth: 0, over: [] };
  if (addresses.length > 0 || routes.length > 0) {
    const method: Method = { kind: "static", mac, ...dns, addresses, routes };
    return { ...common, method };
  }
  return isDhcp ? { ...common, method: { kind: "dhcp", mac } } : undefined;
}

function readDhcp(variables: Variables, key: string): boolean {
  const text = variables[key] ?? "no";
  if (text !== "yes" && text !== "no") throw wrong(key, text, "yes or no");
  return text === "yes";
}

function readRoutes(variables: Variables, prefix: string): readonly Route[] {
  const routes: Route[] = [];
  for (;;) {
    const key = `${prefix}route.${routes.length}.`;
    const [gatewayText, destinationText] = [
      variables[`${key}gateway`],
      variables[`${key}destination`],
    ];
    if (gatewayText === undefined && destinationText === undefined) return routes;
    if (gatewayText === undefined || destinationText === undefined)
      throw refusal(
        "vmware",
        `${key}${gatewayText === undefined ? "gateway" : "destination"}`,
        "is missing; a route has a gateway and a destination",
      );
    const gateway = parseIp(gatewayText);
    if (gateway === undefined)
      throw wrong(`${key}gateway`, gatewayText, "an address such as 10.0.0.1");
    const cidr = parseCidr(destinationText);
    if (cidr === undefined)
      throw wrong(`${key}destination`, destinationText, "a network such as 10.0.0.0/8");
    routes.push({
      destination: formatNetwork(cidr.network, cidr.mask)!,
      gateway: formatIp(gateway),
    });
  }
}

function wrong(key: string, text: string, wanted: string) {
  return refusal("vmware", key, `is ${JSON.stringify(text)}; expected ${wanted}`);
}
