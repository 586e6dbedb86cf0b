import type { SourceMetadata } from "./source-metadata.ts";

export interface SourceAddress {
  readonly family: 4 | 6;
  /** IPv4 in dotted form; IPv6 in the form of RFC 5952. */
  readonly text: string;
}

const OCTET = "(?:0|[1-9]\\d?|1\\d\\d|2[0-4]\\d|25[0-5])";
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** An IP address; undefined for anything else, also one with a zone or a prefix length. */
export function parseAddress(text: string): SourceAddress | undefined {
  if (IPV4.test(text)) return { family: 4, text };
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(":")) return undefined;
  const url = `http://[${text}]/`;
  if (!URL.canParse(url)) return undefined;
  return { family: 6, text: new URL(url).hostname.slice(1, -1) };
}

type AddressKey = "publicIpv4" | "publicIpv6" | "privateIpv4" | "privateIpv6";

/** `key` with the address in `text`; nothing when there is none. */
export function addressField(
  key: AddressKey,
  text: string | null | undefined,
): Pick<SourceMetadata, AddressKey> {
  const address = parseAddress(text ?? "");
  return address === undefined ? {} : { [key]: address.text };
}

/** The field of a metadata service's address by who can reach it. */
export function addressKey(scope: "public" | "private", family: 4 | 6): AddressKey {
  return `${scope}Ipv${family}`;
}
