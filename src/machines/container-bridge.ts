import { existsSync } from "node:fs";
import { Fault } from "#base/fault.ts";
import { closeInternet, type InternetInit, openInternet } from "#machines/container-internet.ts";
import { ip } from "#machines/container-tools.ts";
import { freeNetwork, gatewayOf, overlaps } from "#machines/core/container-network.ts";

/** What a cluster's containers are linked by, and this computer with them. Gone with a reboot; made at the next boot. */
export class ContainerBridge {
  readonly #init: InternetInit;
  #last: Promise<void> = Promise.resolve();

  constructor(init: InternetInit) {
    this.#init = init;
  }

  get name(): string {
    return this.#init.bridge;
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

  /** Changes nothing. @throws {Fault} ADDRESS_IN_USE when the computer reaches the network it would have by another way. */
  async check(network: string): Promise<void> {
    if (!this.#exists()) await checkFree(network);
  }

  /**
   * Makes it when it is missing, with this computer's address on it.
   * @param leadsOn whether other networks are reached from it, for good then.
   * @throws {Fault} ADDRESS_IN_USE when the computer reaches that network by another way.
   */
  async open(network: string, leadsOn: boolean): Promise<void> {
    await this.#inTurn(async () => {
      if (!(await this.#isWhole(network))) await this.#make(network);
      if (leadsOn) await openInternet(network, this.#init);
    });
  }

  async #make(network: string): Promise<void> {
    await this.#remove(); // cut off in the making
    await checkFree(network);
    await ip("link", "add", this.name, "type", "bridge");
    await ip("link", "set", this.name, "addrgenmode", "none"); // no address of version 6
    await ip("addr", "add", `${gatewayOf(network)}/24`, "dev", this.name);
    await ip("link", "set", this.name, "up"); // last: with it the bridge is whole
  }

  /**
   * Removes it unless it is in use. Links say nothing of that: the kernel takes the one of a container that was killed
   * away some time later.
   */
  async closeUnless(isInUse: () => Promise<boolean>): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#exists() && !(await isInUse())) await this.#remove();
    });
  }

  /**
   * Takes a container's link away. The kernel alone does so only when the last connection has ended, and until then
   * answers in the container's name.
   */
  async unplug(port: string): Promise<void> {
    if (!existsSync(`/sys/class/net/${port}`)) return;
    await ip("link", "del", port).catch((error: unknown) => {
      if (existsSync(`/sys/class/net/${port}`)) throw error; // else the kernel was faster
    });
  }

  /** Containers of one cluster come and go at the same time. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    await turn;
  }

  async #isWhole(network: string): Promise<boolean> {
    if (!this.#exists()) return false;
    const line = await ip("-4", "-oneline", "addr", "show", "dev", this.name, "up");
    return line.includes(` ${gatewayOf(network)}/24 `);
  }

  #exists(): boolean {
    return existsSync(`/sys/class/net/${this.name}`);
  }

  async #remove(): Promise<void> {
    if (!this.#exists()) return;
    await closeInternet(this.#init); // first: cut off here, the bridge still tells that there is something to remove
    await ip("link", "del", this.name);
  }
}

async function checkFree(network: string): Promise<void> {
  if (!overlaps(network, await takenNetworks())) return;
  throw new Fault(
    "ADDRESS_IN_USE",
    `Cannot use network ${network}.0/24: this computer leads elsewhere with it (ip route); \`keelson destroy\` and make the machines with another --network, or take that away`,
  );
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
