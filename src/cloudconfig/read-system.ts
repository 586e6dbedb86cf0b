import { readdir, readFile } from "node:fs/promises";
import { cpus, machine, networkInterfaces, release, totalmem } from "node:os";
import { join } from "node:path";
import { isLinkLocal } from "#base/link-local.ts";
import { defaultRouteIpv4, defaultRouteIpv6 } from "#base/route-table.ts";
import { parseEnvironmentFile } from "./core/environment-file.ts";
import type { InterfaceAddress, InterfaceFacts, SystemFacts } from "./core/machine-facts.ts";
import { readInRoot } from "./root-path.ts";

/** Read from the kernel's and the firmware's files; what is not there, or not to be read, is left out. */
export async function readSystemFacts(root: string): Promise<SystemFacts> {
  const own = (path: string) => readInRoot(root, path).catch(() => undefined);
  const machineId = (await own("etc/machine-id"))?.trim();
  const osRelease = (await own("etc/os-release")) ?? (await own("usr/lib/os-release")) ?? "";
  const defaultRoute =
    defaultRouteIpv4((await readIfPossible("/proc/net/route")) ?? "") ??
    defaultRouteIpv6((await readIfPossible("/proc/net/ipv6_route")) ?? "");
  const os = [...parseEnvironmentFile(osRelease)].map(([key, text]) => [key.toLowerCase(), text]);
  return {
    ...(machineId !== undefined && /^[\da-f]{32}$/.test(machineId) ? { machineId } : {}),
    architecture: machine(),
    kernel: release(),
    cpus: cpus().length,
    memoryMib: Math.floor(totalmem() / 2 ** 20),
    hardware: await readHardware(),
    os: Object.fromEntries(os) as Record<string, string>,
    interfaces: await readInterfaces(),
    ...(defaultRoute === undefined ? {} : { defaultRoute }),
    reverseNames: {},
  };
}

/** Linux's names below /sys/class/dmi/id for what SMBIOS says. */
const HARDWARE = {
  vendor: "sys_vendor",
  product: "product_name",
  serial: "product_serial",
  uuid: "product_uuid",
} as const;

async function readHardware(): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, file] of Object.entries(HARDWARE)) {
    const text = (await readIfPossible(join("/sys/class/dmi/id", file)))?.trim();
    if (text) found[name] = text;
  }
  return found;
}

/** All that the kernel has, also those that are down, by name. */
async function readInterfaces(): Promise<readonly InterfaceFacts[]> {
  const addresses = networkInterfaces();
  const present = await readdir("/sys/class/net").catch(() => []);
  const names = [...new Set([...present, ...Object.keys(addresses)])].toSorted();
  return Promise.all(
    names.map(async (name): Promise<InterfaceFacts> => {
      const own = await readIfPossible(join("/sys/class/net", name, "address"));
      const mac = addresses[name]?.[0]?.mac ?? own?.trim();
      const of = (family: "IPv4" | "IPv6") =>
        (addresses[name] ?? []).filter((a) => a.family === family).map(toAddress);
      return {
        name,
        ...(mac ? { mac } : {}),
        ipv4: reachableFirst(of("IPv4")),
        ipv6: reachableFirst(of("IPv6")),
      };
    }),
  );
}

function toAddress(info: { address: string; cidr: string | null }): InterfaceAddress {
  return { address: info.address, prefixLength: Number(info.cidr?.split("/")[1] ?? 0) };
}

function reachableFirst(addresses: readonly InterfaceAddress[]): readonly InterfaceAddress[] {
  return addresses.toSorted(
    (a, b) => Number(isLinkLocal(a.address)) - Number(isLinkLocal(b.address)),
  );
}

/** These files say what they can: one that may not be read is as one that is not there. */
async function readIfPossible(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}
