import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { Fault } from "#base/fault.ts";
import { ip } from "#machines/container-tools.ts";
import {
  nameserversIn,
  translationRules,
  translationTable,
} from "#machines/core/container-internet.ts";

export interface InternetInit {
  readonly bridge: string;
  readonly path: string;
  /** Tells a person what is changed of this computer. */
  readonly report: (what: string) => void;
}

/**
 * Lets what comes from the bridge go on to other networks under this computer's address, and answers come back;
 * nobody there begins anything with a machine.
 * @throws {Fault} SYSTEMD_MISSING without nft(8), SYSTEMD_FAILED
 */
export async function openInternet(network: string, init: InternetInit): Promise<void> {
  if (!hasNft(init.path))
    throw new Fault(
      "SYSTEMD_MISSING",
      "Cannot give machines the internet: nft is not installed on this computer; install Debian's package nftables (as root: apt-get install nftables), or take `internet` out of keelson.yaml",
    );
  await change(translationRules(init.bridge, network), init.path);
  const routes = (await ip("-4", "route", "show", "default")).split("\n");
  const uplinks = routes.flatMap((route) => / dev (\S+)/.exec(route)?.[1] ?? []);
  for (const device of new Set([init.bridge, ...uplinks])) {
    const file = `/proc/sys/net/ipv4/conf/${device}/forwarding`;
    if ((await readFile(file, "utf8")).trim() === "1") continue;
    await writeFile(file, "1");
    if (device !== init.bridge)
      init.report(
        `this computer forwards packets of ${device} now, as \`internet: true\` needs it`,
      );
  }
}

/** Takes the rules away; nothing when there are none. @throws {Fault} SYSTEMD_FAILED */
export async function closeInternet({ bridge, path }: InternetInit): Promise<void> {
  const table = translationTable(bridge);
  if (!hasNft(path) || (await nft(["list", "table", "ip", table], "", path)) !== undefined) return;
  await change(`delete table ip ${table}\n`, path);
}

/** Where this computer asks for names, as far as a machine reaches it. */
export async function nameservers(): Promise<readonly string[]> {
  // The first leads to a resolver on loopback where systemd-resolved(8) runs; the second has what that one asks.
  for (const file of ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]) {
    const found = nameserversIn(await readFile(file, "utf8").catch(() => ""));
    if (found.length > 0) return found;
  }
  return [];
}

function hasNft(path: string): boolean {
  return path.split(delimiter).some((directory) => existsSync(join(directory, "nft")));
}

async function change(rules: string, path: string): Promise<void> {
  const complaint = await nft(["-f", "-"], rules, path);
  if (complaint !== undefined)
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot change this computer's rules for packets: nft: ${complaint}`,
    );
}

/** Runs nft(8); what it complains of first, undefined when it does not. */
async function nft(
  args: readonly string[],
  input: string,
  path: string,
): Promise<string | undefined> {
  const child = spawn("nft", args, { stdio: ["pipe", "ignore", "pipe"], env: { PATH: path } });
  const complaints = text(child.stderr);
  child.stdin.on("error", () => {}); // it may end without reading
  child.stdin.end(input);
  const [status] = (await once(child, "close")) as [number | null];
  return status === 0 ? undefined : ((await complaints).split("\n")[0] ?? "");
}
