import { readFile } from "node:fs/promises";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { isLinkLocal } from "./link-local.ts";
import { defaultRouteIpv4, defaultRouteIpv6 } from "./route-table.ts";

/** The kernel's tables, and the addresses of interfaces that are up, by name. */
export interface Network {
  readonly routes: string;
  readonly routesIpv6: string;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/**
 * Where others most likely reach this computer: the first address of the interface that the default route leads over, IPv4
 * before IPv6; without such a route, that of the only interface with an address that others can use. Empty when that cannot
 * be told.
 */
export function likelyAddress({ interfaces, routes, routesIpv6 }: Network): string {
  const on = (name: string | undefined, family: "IPv4" | "IPv6") =>
    reachable(interfaces[name ?? ""]).find((one) => one.family === family)?.address;
  const onRoute =
    on(defaultRouteIpv4(routes)?.interface, "IPv4") ??
    on(defaultRouteIpv6(routesIpv6)?.interface, "IPv6");
  if (onRoute !== undefined) return onRoute;
  const usable = Object.keys(interfaces).filter((name) => reachable(interfaces[name]).length > 0);
  const [only, ...others] = usable;
  return others.length === 0 ? (on(only, "IPv4") ?? on(only, "IPv6") ?? "") : "";
}

function reachable(all: Network["interfaces"][string] = []): readonly NetworkInterfaceInfo[] {
  return all.filter(({ address, internal }) => !internal && !isLinkLocal(address));
}

/** The same of this computer as it is now. */
export async function ownAddress(): Promise<string> {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const [routes, routesIpv6] = await Promise.all([
    read("/proc/net/route"),
    read("/proc/net/ipv6_route"),
  ]);
  return likelyAddress({ routes, routesIpv6, interfaces: networkInterfaces() });
}
