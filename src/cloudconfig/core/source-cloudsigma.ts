import * as v from "valibot";
import { addressField } from "./source-address.ts";
import { OptionalText, OptionalTexts, optionalList, parseSourceJson } from "./source-json.ts";
import type { SourceMetadata } from "./source-metadata.ts";

const Uuid = v.nullish(v.object({ uuid: OptionalText }));

const Server = v.object({
  name: OptionalText,
  uuid: OptionalText,
  meta: OptionalTexts,
  nics: optionalList(
    v.object({
      mac: OptionalText,
      ip_v4_conf: v.nullish(v.object({ ip: Uuid })),
      vlan: Uuid,
    }),
  ),
});

/**
 * CloudSigma's server context. A card with an address of its own is the public one; the address of a card in a VLAN is
 * known to the machine only.
 * @param localIpv4 the IPv4 address that the machine has on the card with this MAC address
 * @throws {Fault} SOURCE_FAILED
 */
export function parseServerContext(
  text: string,
  place: string,
  localIpv4: (mac: string) => string | undefined,
): SourceMetadata {
  const server = parseSourceJson(Server, text, place);
  const hostname = server.name || server.uuid;
  const key = (server.meta["ssh_public_key"] ?? "").trim();
  let addresses: Partial<SourceMetadata> = {};
  for (const nic of server.nics) {
    addresses = { ...addresses, ...addressField("publicIpv4", nic.ip_v4_conf?.ip?.uuid) };
    if (nic.vlan?.uuid)
      addresses = { ...addresses, ...addressField("privateIpv4", localIpv4(nic.mac)) };
  }
  return {
    ...addresses,
    ...(hostname === "" ? {} : { hostname }),
    sshPublicKeys: key === "" ? {} : { [key.split(" ").at(-1) ?? ""]: key },
  };
}

const USER_DATA = "cloudinit-user-data";

/**
 * The user-data in the server context's `meta`, which names its fields that are base64.
 * @throws {Fault} SOURCE_FAILED
 */
export function userDataOfMeta(text: string, place: string): { text: string; isBase64: boolean } {
  const meta = parseSourceJson(OptionalTexts, text, place);
  const base64Fields = (meta["base64_fields"] ?? "").split(",").map((field) => field.trim());
  return { text: meta[USER_DATA] ?? "", isBase64: base64Fields.includes(USER_DATA) };
}
