const IP_OCTETS = 16;
const MAC_OCTETS = [6, 8, 20]; // EUI-48, EUI-64, IP over InfiniBand (RFC 4391)
const IPV4_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]; // RFC 4291 section 2.5.5.2
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^0*[0-9a-f]{1,4}$/i;

/** An address of IPv4 or IPv6: 16 octets, IPv4 mapped into IPv6 (RFC 4291), so that `::ffff:10.0.0.1` is `10.0.0.1`. */
export type Ip = readonly number[];

/** 4 octets, or 16; of those an IPv4 address takes the last four. */
export type Mask = readonly number[];

/** An address as written, or nothing. Numbers of IPv4 have no zeros in front; zones of IPv6 are not taken. */
export function parseIp(text: string): Ip | undefined {
  return parseIpv4(text) ?? parseIpv6(text);
}

function parseIpv4(text: string): Ip | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => OCTET.test(part) && Number(part) < 256))
    return undefined;
  return [...IPV4_PREFIX, ...parts.map(Number)];
}

function parseIpv6(text: string): Ip | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [left, right] = halves.map((half, i) => parseGroups(half, i === halves.length - 1));
  if (left === undefined) return undefined;
  if (halves.length === 1) return left.length === IP_OCTETS ? left : undefined;
  if (right === undefined) return undefined;
  const gap = IP_OCTETS - left.length - right.length;
  return gap < 2 ? undefined : [...left, ...Array.from({ length: gap }, () => 0), ...right];
}

/** The octets of `fe80:1`; at the address's end the last group may be an IPv4 address. */
function parseGroups(text: string, isEnd: boolean): readonly number[] | undefined {
  if (text === "") return [];
  const groups = text.split(":");
  const octets: number[] = [];
  for (const [i, group] of groups.entries()) {
    const ipv4 = isEnd && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (ipv4 !== undefined) octets.push(...ipv4.slice(IPV4_PREFIX.length));
    else if (GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      octets.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return octets;
}

/** The four octets of an IPv4 address. */
export function ipv4Octets(ip: Ip): readonly number[] | undefined {
  return IPV4_PREFIX.every((octet, i) => ip[i] === octet)
    ? ip.slice(IPV4_PREFIX.length)
    : undefined;
}

/** Dotted, or as RFC 5952 has it: the first longest run of zeros is left out. */
export function formatIp(ip: Ip): string {
  const ipv4 = ipv4Octets(ip);
  if (ipv4 !== undefined) return ipv4.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (ip[2 * i]! << 8) | ip[2 * i + 1]!);
  let [start, length] = [0, 1]; // a single zero is written
  for (const first of groups.keys()) {
    const end = groups.findIndex((group, i) => i >= first && group !== 0);
    const run = (end === -1 ? groups.length : end) - first;
    if (run > length) [start, length] = [first, run];
  }
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (length === 1) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

/** An address with the mask that says which network it lies in. */
export interface Cidr {
  readonly ip: Ip;
  /** The network's own address. */
  readonly network: Ip;
  readonly mask: Mask;
}

/** `10.0.0.7/8`: address `10.0.0.7`, network `10.0.0.0`, mask `255.0.0.0`. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = "", digits = ""] = /^([^/]*)\/(\d+)$/.exec(text) ?? [];
  const ipv4 = parseIpv4(address);
  const ip = ipv4 ?? parseIpv6(address);
  const octets = ipv4 === undefined ? IP_OCTETS : 4;
  if (ip === undefined || Number(digits) > 8 * octets) return undefined;
  const mask = prefixMask(Number(digits), octets);
  const prefix = IP_OCTETS - octets;
  const network = ip.map((octet, i) => (i < prefix ? octet : octet & mask[i - prefix]!));
  return { ip, network, mask };
}

/** `10.0.0.7/8`. Nothing when the mask is of the other family, or its ones do not stand together at the front. */
export function formatNetwork(ip: Ip, mask: Mask): string | undefined {
  const octets = ipv4Octets(ip) === undefined ? 16 : 4;
  if (mask.length < octets) return undefined;
  const own = mask.slice(mask.length - octets);
  const bits = own.map((octet) => octet.toString(2).padStart(8, "0")).join("");
  const ones = /^(1*)0*$/.exec(bits)?.[1];
  return ones === undefined ? undefined : `${formatIp(ip)}/${ones.length}`;
}

function prefixMask(ones: number, octets: number): Mask {
  return Array.from({ length: octets }, (_, i) => {
    const set = Math.min(8, Math.max(0, ones - 8 * i));
    return (0xff00 >> set) & 0xff;
  });
}

/** Six, eight or twenty octets with colons or hyphens between, or dots between pairs; lower case, with colons. */
export function parseMac(text: string): string | undefined {
  const isMac =
    /^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\1[0-9a-f]{2})*$/i.test(text) ||
    /^[0-9a-f]{4}(?:\.[0-9a-f]{4})+$/i.test(text);
  const octets = text.replaceAll(/[^0-9a-f]/gi, "").match(/../g) ?? [];
  return isMac && MAC_OCTETS.includes(octets.length) ? octets.join(":").toLowerCase() : undefined;
}
