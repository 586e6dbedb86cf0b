import { Fault } from "#base/fault.ts";

/**
 * Whether machines of this provider can have addresses in that network.
 * @throws {Fault} USAGE
 */
export function checkNetwork(network: string, provider: string): void {
  const isLoopback = network.startsWith("127.");
  if (provider === "process" && (!isLoopback || network === "127.0.0"))
    throw new Fault(
      "USAGE",
      `Cannot use network ${network}: machines of the process provider have loopback addresses; choose one such as 127.0.5, or the container provider`,
    );
  if (provider !== "process" && isLoopback)
    throw new Fault(
      "USAGE",
      `Cannot use network ${network}: loopback addresses are for the process provider; choose a private network that is free here, such as 192.168.10`,
    );
}

/** `preferred`, or the next one after it that none of the others has. */
export function freeNetworkAfter(preferred: string, taken: readonly string[]): string {
  const [first, second, third] = preferred.split(".");
  for (let step = 0; step < 254; step += 1) {
    const network = `${first}.${second}.${((Number(third) - 1 + step) % 254) + 1}`;
    if (!taken.includes(network)) return network;
  }
  throw new Fault(
    "ADDRESS_IN_USE",
    `Cannot choose a network for the machines: ${first}.${second}.1 to .254 are all taken by other clusters here; \`keelson destroy\` one of them, or say --network`,
  );
}
