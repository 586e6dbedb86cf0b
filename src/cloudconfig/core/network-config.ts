import { readDebian } from "./network-debian.ts";
import type { NetworkFormat } from "./network-format.ts";
import { readPacket } from "./network-packet.ts";
import { refusal } from "./network-refusal.ts";
import { describeNetwork, type NetworkConfiguration } from "./network-units.ts";
import { readVmware } from "./network-vmware.ts";

export type { NetworkConfiguration } from "./network-units.ts";

const TEXT_MAX = 1024 * 1024;

/**
 * Translates a description of a machine's network into systemd-networkd's files, as the original does (its network package),
 * octet by octet; docs/reference-network-config.md says what differs. The same input gives the same files in the same order.
 * @param config debian: the text of an interfaces(5) file, or its octets; packet: the metadata's `network` object; vmware: the
 *   guestinfo variables by name
 * @throws {Fault} CLOUD_CONFIG_INVALID naming the line or key
 */
export function convertNetworkConfig(format: NetworkFormat, config: unknown): NetworkConfiguration {
  switch (format) {
    case "debian":
      return describeNetwork(readDebian(textOf(config)));
    case "packet":
      return describeNetwork(readPacket(config));
    case "vmware":
      return describeNetwork(readVmware(config));
    default:
      return format satisfies never;
  }
}

function textOf(config: unknown): string {
  const text = config instanceof Uint8Array ? decode(config) : config;
  if (typeof text !== "string" || text.length > TEXT_MAX)
    throw refusal(
      "debian",
      "line 1",
      `expected the text of an interfaces file, at most ${TEXT_MAX} characters`,
    );
  return text;
}

function decode(octets: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return undefined;
  }
}
