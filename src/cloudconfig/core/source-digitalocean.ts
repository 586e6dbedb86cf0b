import * as v from "valibot";
import { addressField } from "./source-address.ts";
import { OptionalText, optionalList, parseSourceJson } from "./source-json.ts";
import type { SourceMetadata } from "./source-metadata.ts";

const Address = v.nullish(v.object({ ip_address: OptionalText }));
const Interfaces = optionalList(v.object({ ipv4: Address, ipv6: Address }));

const Droplet = v.looseObject({
  hostname: OptionalText,
  public_keys: optionalList(v.string()),
  interfaces: v.nullish(v.object({ public: Interfaces, private: Interfaces })),
});

/**
 * `metadata/v1.json` of DigitalOcean's metadata service; addresses are those of the first interface of each kind.
 * @throws {Fault} SOURCE_FAILED
 */
export function parseDigitalOceanMetadata(text: string, place: string): SourceMetadata {
  const droplet = parseSourceJson(Droplet, text, place);
  const [outer] = droplet.interfaces?.public ?? [];
  const [inner] = droplet.interfaces?.private ?? [];
  return {
    ...addressField("publicIpv4", outer?.ipv4?.ip_address),
    ...addressField("publicIpv6", outer?.ipv6?.ip_address),
    ...addressField("privateIpv4", inner?.ipv4?.ip_address),
    ...addressField("privateIpv6", inner?.ipv6?.ip_address),
    ...(droplet.hostname === "" ? {} : { hostname: droplet.hostname }),
    sshPublicKeys: keysByNumber(droplet.public_keys),
  };
}

/** Services that do not name their keys: their numbers do. */
export function keysByNumber(keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key, i) => [String(i), key.trim()]));
}
