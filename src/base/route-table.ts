const RTF_UP = 0x1; // linux/route.h
const RTF_REJECT = 0x200;

export interface DefaultRoute {
  readonly interface: string;
  /** Absent when the network is reached directly. */
  readonly gateway?: string;
}

interface Candidate extends DefaultRoute {
  readonly metric: number;
}

/** The IPv4 default route of /proc/net/route (proc(5)); of several, the one with the lowest metric. */
export function defaultRouteIpv4(table: string): DefaultRoute | undefined {
  return lowest(
    table.split("\n").flatMap((line): Candidate[] => {
      const [name, destination, gateway, flags, , , metric, mask] = line.split("\t");
      if (destination !== "00000000" || mask !== "00000000" || !isUsable(flags)) return [];
      return [{ interface: name!, ...viaIpv4(gateway!), metric: Number(metric) }];
    }),
  );
}

/** The IPv6 default route of /proc/net/ipv6_route; of several, the one with the lowest metric. */
export function defaultRouteIpv6(table: string): DefaultRoute | undefined {
  return lowest(
    table.split("\n").flatMap((line): Candidate[] => {
      const [destination, bits, , , gateway, metric, , , flags, name] = line.trim().split(/ +/);
      if (destination === undefined || !/^0{32}$/.test(destination) || bits !== "00") return [];
      if (name === undefined || name === "lo" || !isUsable(flags)) return [];
      return [{ interface: name, ...viaIpv6(gateway!), metric: Number.parseInt(metric!, 16) }];
    }),
  );
}

function isUsable(flags: string | undefined): boolean {
  const bits = Number.parseInt(flags ?? "0", 16);
  return (bits & RTF_UP) !== 0 && (bits & RTF_REJECT) === 0;
}

function lowest(candidates: readonly Candidate[]): DefaultRoute | undefined {
  const [best] = candidates.toSorted((a, b) => a.metric - b.metric);
  if (best === undefined) return undefined;
  const { metric: _, ...route } = best;
  return route;
}

/** The kernel writes an IPv4 address as one little-endian number. */
function viaIpv4(hex: string): { readonly gateway?: string } {
  if (!/^[\dA-F]{8}$/i.test(hex) || hex === "00000000") return {};
  const octets = hex.match(/../g)!.map((octet) => Number.parseInt(octet, 16));
  return { gateway: octets.toReversed().join(".") };
}

/** The longest run of zeros becomes `::`, RFC 5952 section 4.2. */
function viaIpv6(hex: string): { readonly gateway?: string } {
  if (!/^[\da-f]{32}$/i.test(hex) || /^0+$/.test(hex)) return {};
  const groups = hex.match(/.{4}/g)!.map((group) => Number.parseInt(group, 16).toString(16));
  const runs = [...`:${groups.join(":")}:`.matchAll(/(?::0){2,}(?=:)/g)];
  const longest = runs.toSorted((a, b) => b[0].length - a[0].length || a.index - b.index)[0];
  const full = `:${groups.join(":")}:`;
  if (longest === undefined) return { gateway: groups.join(":") };
  const before = full.slice(1, Math.max(1, longest.index));
  const after = full.slice(longest.index + longest[0].length + 1, -1);
  return { gateway: `${before}::${after}` };
}
