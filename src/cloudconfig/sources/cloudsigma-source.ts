import { readdir } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { isErrno, reasonOf } from "#base/fault.ts";
import { parseServerContext, userDataOfMeta } from "../core/source-cloudsigma.ts";
import type { SourceMetadata } from "../core/source-metadata.ts";
import { readIfThere } from "../read-user-data.ts";
import { askSerialPort } from "./serial-port.ts";
import { AVAILABLE, type Availability, type UserDataSource } from "./source.ts";

/** The serial port that CloudSigma's hypervisor answers at. */
const PORT = "/dev/ttyS1";

export interface CloudSigmaOptions {
  readonly clock: Clock;
  /** Where the machine's own `sys`, `run` and `dev` are: `/`. */
  readonly machineRoot: string;
  readonly localIpv4?: (mac: string) => string | undefined;
}

/** CloudSigma's server context, read over a serial line. */
export class CloudSigmaSource implements UserDataSource {
  readonly type = "server-context";
  readonly mayAppear = true;
  readonly place: string;
  readonly #options: CloudSigmaOptions;

  constructor(options: CloudSigmaOptions) {
    this.#options = options;
    this.place = join(options.machineRoot, PORT);
  }

  /** The machine is CloudSigma's, and has its addresses, which the metadata needs. */
  async availability(): Promise<Availability> {
    const { machineRoot } = this.#options;
    const product = await readIfThere(join(machineRoot, "sys/class/dmi/id/product_name"));
    if (product === undefined)
      return { available: false, reason: "the firmware does not say what machine this is" };
    const name = new TextDecoder().decode(product).trim();
    if (!name.startsWith("CloudSigma"))
      return { available: false, reason: `this machine is a "${name}"` };
    try {
      const leases = await readdir(join(machineRoot, "run/systemd/netif/leases"));
      if (leases.length > 0) return AVAILABLE;
    } catch (error) {
      if (!isErrno(error, "ENOENT")) return { available: false, reason: reasonOf(error) };
    }
    return { available: false, reason: "no address was leased yet" };
  }

  async fetchUserData(signal: AbortSignal): Promise<Uint8Array> {
    const { text, isBase64 } = userDataOfMeta(await this.#ask("/meta/", signal), this.place);
    return Buffer.from(text, isBase64 ? "base64" : "utf8");
  }

  async fetchMetadata(signal: AbortSignal): Promise<SourceMetadata> {
    const context = await this.#ask("", signal);
    return parseServerContext(context, this.place, this.#options.localIpv4 ?? localIpv4);
  }

  #ask(query: string, signal: AbortSignal): Promise<string> {
    return askSerialPort(this.place, query, { clock: this.#options.clock, signal });
  }
}

function localIpv4(mac: string): string | undefined {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find((each) => each.family === "IPv4" && each.mac === mac.toLowerCase())?.address;
}
