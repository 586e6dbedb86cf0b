import * as v from "valibot";
import { formatIp, formatNetwork, type Ip, parseIp, parseMac } from "./network-address.ts";
import { INTERFACES_MAX, interfaceName, NAMESERVERS_MAX, refusal } from "./network-refusal.ts";
import type { NetworkInterface, Route } from "./network-units.ts";

const BOND = "bond0";
const BOND_OPTIONS = {
  Mode: "802.3ad",
  LACPTransmitRate: "fast",
  MIIMonitorSec: ".2",
  UpDelaySec: ".2",
  DownDelaySec: ".2",
};
const NAMESERVERS = ["8.8.8.8", "8.8.4.4"]; // the original's, when none are given
const PRIVATE_NETWORK = "10.0.0.0/8";
const ADDRESSES_MAX = 1000;

const ADDRESS = v.pipe(
  v.string(),
  v.transform(parseIp),
  v.custom<Ip>((ip) => ip !== undefined, "no address such as 10.0.0.1"),
);

const NETWORK = v.object({
  interfaces: v.pipe(
    v.array(v.object({ name: v.string(), mac: v.nullish(v.string(), "") })),
    v.minLength(1),
    v.maxLength(INTERFACES_MAX),
  ),
  addresses: v.nullish(
    v.pipe(
      v.array(
        v.object({
          address: ADDRESS,
          netmask: ADDRESS,
          gateway: ADDRESS,
          address_family: v.nullish(v.number(), 0),
          public: v.nullish(v.boolean(), false),
        }),
      ),
      v.maxLength(ADDRESSES_MAX),
    ),
    [],
  ),
  dns: v.nullish(v.pipe(v.array(ADDRESS), v.maxLength(NAMESERVERS_MAX))),
});

/**
 * The interfaces of a machine at Packet (Equinix Metal): one bond over all that it has, which gets the addresses. Private
 * addresses route 10.0.0.0/8, public ones everything.
 * @param config the `network` object of the metadata service
 * @throws {Fault} CLOUD_CONFIG_INVALID naming the key
 */
export function readPacket(config: unknown): readonly NetworkInterface[] {
  const parsed = v.safeParse(NETWORK, config);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw refusal("packet", `network.${v.getDotPath(issue) ?? ""}`, issue.message);
  }
  const { interfaces, addresses, dns } = parsed.output;
  const nameservers = dns?.map(formatIp) ?? NAMESERVERS;
  const slaves = interfaces.map(({ name }, i) => ({
    name: interfaceName("packet", `network.interfaces.${i}.name`, name),
    depth: i,
    method: { kind: "static", nameservers, addresses: [], routes: [] } as const,
    over: [{ kind: "Bond", name: BOND } as const],
  }));
  const bond: NetworkInterface = {
    name: BOND,
    mac: parseMac(interfaces[0]!.mac),
    depth: 0,
    method: {
      kind: "static",
      nameservers,
      addresses: addresses.map(({ address, netmask }, i) => {
        const network = formatNetwork(address, netmask);
        if (network !== undefined) return network;
        const where = `network.addresses.${i}.netmask`;
        throw refusal(
          "packet",
          where,
          "does not go with the address; a mask has its ones at the front",
        );
      }),
      routes: addresses.map(readRoute),
    },
    over: [],
    device: { kind: "bond", options: BOND_OPTIONS },
  };
  return [...slaves, bond];
}

function readRoute(block: { gateway: Ip; public: boolean; address_family: number }): Route {
  const everything = block.address_family === 4 ? "0.0.0.0/0" : "::/0";
  return {
    destination: block.public ? everything : PRIVATE_NETWORK,
    gateway: formatIp(block.gateway),
  };
}
