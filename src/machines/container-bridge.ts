import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { Fault, isErrno } from "#base/fault.ts";
import { ip } from "#machines/container-tools.ts";
import { freeNetwork, gatewayOf, overlaps } from "#machines/core/container-network.ts";

/** What a cluster's containers are linked by, and this computer with them. Gone with a reboot; made at the next boot. */
export class ContainerBridge {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** First three bytes of a network that nothing on this computer leads to. @throws {Fault} CONFIG_INVALID */
  async freeNetwork(seed: number): Promise<string> {
    const network = freeNetwork(seed, await takenNetworks());
    if (network !== undefined) return network;
    throw new Fault(
      "CONFIG_INVALID",
      "Cannot choose a network: this computer has routes to all from 10.64.0 to 10.191.255; name a free one with --network A.B.C",
    );
  }

  /**
   * Makes it when it is missing, with this computer's address on it.
   * @throws {Fault} ADDRESS_IN_USE when the computer reaches that network by another way.
   */
  async open(network: string): Promise<void> {
    if (this.isUp()) return;
    const others = await takenNetworks();
    if (overlaps(network, others))
      throw new Fault(
        "ADDRESS_IN_USE",
        `Cannot use network ${network}.0/24: this computer leads elsewhere with it (ip route); \`keelson destroy\` and make the machines with another --network, or take that away`,
      );
    await ip("link", "add", this.name, "type", "bridge");
    try {
      await ip("link", "set", this.name, "addrgenmode", "none"); // no address of version 6
      await ip("addr", "add", `${gatewayOf(network)}/24`, "dev", this.name);
      await ip("link", "set", this.name, "up");
    } catch (error) {
      await this.#remove();
      throw error;
    }
  }

  isUp(): boolean {
    return existsSync(`/sys/class/net/${this.name}`);
  }

  /** Removes it when no container is linked to it. */
  async closeIfUnused(): Promise<void> {
    const ports = await readdir(`/sys/class/net/${this.name}/brif`).catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return undefined;
      throw error;
    });
    if (ports?.length === 0) await this.#remove();
  }

  async #remove(): Promise<void> {
    await ip("link", "del", this.name).catch((error: unknown) => {
      if (this.isUp()) throw error; // else another was faster
    });
  }
}

/** What a default route leads to is no network of its own. */
async function takenNetworks(): Promise<readonly string[]> {
  const [routes, addresses] = await Promise.all([
    ip("-4", "route", "show", "table", "all"),
    ip("-4", "-oneline", "addr"),
  ]);
  return [
    ...routes.split("\n").filter((line) => !line.startsWith("default")),
    ...addresses.split("\n"),
  ];
}
