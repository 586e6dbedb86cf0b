import * as v from "valibot";
import { Fault } from "#base/fault.ts";
import { addressKey, parseAddress } from "./source-address.ts";
import { keysByNumber } from "./source-digitalocean.ts";
import { OptionalText, optionalList, parseSourceJson } from "./source-json.ts";
import type { SourceMetadata } from "./source-metadata.ts";

const Device = v.object({
  hostname: OptionalText,
  ssh_keys: optionalList(v.string()),
  network: v.nullish(
    v.looseObject({
      addresses: optionalList(
        v.looseObject({
          address: OptionalText,
          address_family: v.nullish(v.number(), 0),
          public: v.nullish(v.boolean(), false),
        }),
      ),
    }),
  ),
});

/**
 * `metadata` of Packet's metadata service (today Equinix Metal). Of several addresses of a kind the last one counts;
 * every IPv6 address counts as public, as in the original.
 * @throws {Fault} SOURCE_FAILED
 */
export function parsePacketMetadata(text: string, place: string): SourceMetadata {
  const device = parseSourceJson(Device, text, place);
  const addresses: Partial<Record<ReturnType<typeof addressKey>, string>> = {};
  for (const { address, address_family, public: isPublic } of device.network?.addresses ?? []) {
    if (address === "") continue;
    const parsed = parseAddress(address);
    if (parsed === undefined)
      throw new Fault(
        "SOURCE_FAILED",
        `Cannot read the metadata at ${place}: network.addresses has "${address}", which is no IP address`,
      );
    const family = address_family === 4 ? 4 : 6;
    addresses[addressKey(family === 6 || isPublic ? "public" : "private", family)] = parsed.text;
  }
  return {
    ...addresses,
    ...(device.hostname === "" ? {} : { hostname: device.hostname }),
    sshPublicKeys: keysByNumber(device.ssh_keys),
    ...(device.network ? { networkConfig: device.network } : {}),
  };
}
