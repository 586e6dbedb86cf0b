import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { NetworkInterfaceInfo } from "node:os";
import { test } from "node:test";
import { likelyAddress, ownAddress } from "./own-address.ts";

const info = (address: string): NetworkInterfaceInfo =>
  ({
    address,
    family: address.includes(":") ? "IPv6" : "IPv4",
    internal: address === "127.0.0.1" || address === "::1",
  }) as NetworkInterfaceInfo;
const route = (name: string, metric: number) =>
  `${name}\t00000000\t010200C0\t0003\t0\t0\t${metric}\t00000000\t0\t0\t0\n`;
const routeIpv6 = (name: string) =>
  `${"0".repeat(32)} 00 ${"0".repeat(32)} 00 ${"0".repeat(32)} 00000400 00000001 00000000 00000003 ${name}\n`;

const LO = ["127.0.0.1", "::1"];
const CASES: readonly (readonly [
  what: string,
  interfaces: Readonly<Record<string, readonly string[]>>,
  routes: string,
  routesIpv6: string,
  address: string,
])[] = [
  ["no network", { lo: LO }, "", "", ""],
  [
    "the interface of the default route, its first address",
    { lo: LO, br0: ["10.9.0.1"], eth0: ["192.0.2.7", "192.0.2.8", "2001:db8::7"] },
    route("eth0", 100),
    routeIpv6("eth0"),
    "192.0.2.7",
  ],
  [
    "of two default routes the better one",
    { eth0: ["192.0.2.7"], wlan0: ["198.51.100.7"] },
    route("wlan0", 600) + route("eth0", 100),
    "",
    "192.0.2.7",
  ],
  [
    "no link-local address",
    { eth0: ["169.254.3.4", "192.0.2.7"] },
    route("eth0", 0),
    "",
    "192.0.2.7",
  ],
  ["IPv6 alone", { eth0: ["fe80::1", "2001:db8::7"] }, "", routeIpv6("eth0"), "2001:db8::7"],
  [
    "a network that leads nowhere else",
    { lo: LO, eth1: ["10.0.0.7", "fe80::1"] },
    "",
    "",
    "10.0.0.7",
  ],
  [
    "the same, with both kinds of addresses",
    { eth1: ["2001:db8::7", "10.0.0.7"] },
    "",
    "",
    "10.0.0.7",
  ],
  ["two such networks", { eth1: ["10.0.0.7"], eth2: ["10.1.0.7"] }, "", "", ""],
  ["a default route whose interface has lost its address", { eth0: [] }, route("eth0", 0), "", ""],
];

for (const [what, names, routes, routesIpv6, address] of CASES)
  test(`likelyAddress(): ${what}`, () => {
    const interfaces = Object.fromEntries(
      Object.entries(names).map(([name, all]) => [name, all.map(info)]),
    );
    assert.equal(likelyAddress({ routes, routesIpv6, interfaces }), address);
  });

interface IpAnswer {
  readonly dev: string;
  readonly addr_info: readonly { readonly local: string }[];
}

test("ownAddress() is what ip(8) has on the interface of the default route", async () => {
  const ip = (...args: string[]): Partial<IpAnswer>[] =>
    JSON.parse(execFileSync("ip", ["-4", "-json", ...args], { encoding: "utf8" }) || "[]");
  const [{ dev = "" } = {}] = ip("route", "show", "default");
  if (dev === "") return;
  const [shown] = ip("address", "show", "dev", dev);
  assert.equal(await ownAddress(), shown?.addr_info?.[0]?.local);
});
