import { parseStanzas, type Stanza } from "./network-debian-stanzas.ts";
import { INTERFACES_MAX, refusal } from "./network-refusal.ts";
import type { NetworkInterface } from "./network-units.ts";

interface Named {
  readonly line: number;
  readonly method: NetworkInterface["method"];
  readonly kind: Stanza["kind"];
}

type Over = NetworkInterface["over"];

/**
 * The interfaces of a Debian interfaces(5) file, by name. Slaves of a bond and devices under a VLAN need not be described.
 * @throws {Fault} CLOUD_CONFIG_INVALID naming the line
 */
export function readDebian(text: string): readonly NetworkInterface[] {
  const interfaces = nameInterfaces(parseStanzas(text));
  const overs = findOvers(interfaces);
  const depths = new Map<string, number>();
  const names = [...interfaces.keys()].toSorted();
  return names.map((name) => {
    const { method, kind } = interfaces.get(name)!;
    const depth = depthOf(name, { overs, interfaces, depths, above: [] });
    return {
      name,
      depth,
      method,
      over: overs.get(name) ?? [],
      device: kind.kind === "physical" ? undefined : kind,
    };
  });
}

/** Of two stanzas with one name the last one counts. */
function nameInterfaces(stanzas: readonly Stanza[]): ReadonlyMap<string, Named> {
  const interfaces = new Map<string, Named>();
  for (const stanza of stanzas) {
    const { line, name, method, kind, isLoopback } = stanza;
    if (kind.kind === "physical" && isLoopback) continue; // networkd leaves it alone
    interfaces.set(name, { line, method, kind });
    for (const below of belowOf(kind))
      if (!interfaces.has(below))
        interfaces.set(below, { line, method: { kind: "none" }, kind: { kind: "physical" } });
    if (interfaces.size > INTERFACES_MAX)
      throw refusal("debian", `line ${line}`, `has more than ${INTERFACES_MAX} interfaces`);
  }
  return interfaces;
}

/** What an interface stands on. */
function belowOf(kind: Stanza["kind"]): readonly string[] {
  switch (kind.kind) {
    case "bond":
      return kind.slaves;
    case "vlan":
      return kind.rawDevice === undefined ? [] : [kind.rawDevice];
    case "physical":
      return [];
    default:
      return kind satisfies never;
  }
}

/** What stands on each interface, by name; a VLAN carries nothing, as in the original. */
function findOvers(interfaces: ReadonlyMap<string, Named>): ReadonlyMap<string, Over> {
  const overs = new Map<string, { kind: "Bond" | "VLAN"; name: string }[]>();
  for (const [name, { kind }] of [...interfaces].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    for (const below of belowOf(kind)) {
      if (interfaces.get(below)?.kind.kind === "vlan") continue;
      const over = overs.get(below) ?? [];
      over.push({ kind: kind.kind === "bond" ? "Bond" : "VLAN", name });
      overs.set(below, over);
    }
  return overs;
}

/** How many layers lie over it. */
function depthOf(
  name: string,
  search: {
    readonly overs: ReadonlyMap<string, Over>;
    readonly interfaces: ReadonlyMap<string, Named>;
    readonly depths: Map<string, number>;
    /** The way up to here. */
    readonly above: readonly string[];
  },
): number {
  const known = search.depths.get(name);
  if (known !== undefined) return known;
  const above = [...search.above, name];
  if (search.above.includes(name))
    throw refusal(
      "debian",
      `line ${search.interfaces.get(name)!.line}`,
      `${above.slice(above.indexOf(name)).join(", a slave of ")}: a bond cannot be its own slave`,
    );
  const over = search.overs.get(name) ?? [];
  const depth = Math.max(0, ...over.map((one) => 1 + depthOf(one.name, { ...search, above })));
  search.depths.set(name, depth);
  return depth;
}
