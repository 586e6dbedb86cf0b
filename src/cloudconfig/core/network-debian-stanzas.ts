import {
  formatIp,
  formatNetwork,
  ipv4Octets,
  parseCidr,
  parseIp,
  parseMac,
} from "./network-address.ts";
import { interfaceName, refusal } from "./network-refusal.ts";
import type { Method, Route } from "./network-units.ts";

const VLAN_ID_MAX = 4094; // IEEE 802.1Q
const COMMENT_OR_EMPTY = /^(?:#|$)/;
const STANZA_START = /^(?:auto|iface|mapping|allow-.*)$/;
const ANY_IPV4 = "0.0.0.0/0";

/** An `iface` of interfaces(5). */
export interface Stanza {
  /** From 1. */
  readonly line: number;
  readonly name: string;
  readonly method: Method;
  readonly isLoopback: boolean;
  readonly kind:
    | { readonly kind: "physical" }
    | {
        readonly kind: "bond";
        readonly slaves: readonly string[];
        readonly options: Readonly<Record<string, string>>;
      }
    | { readonly kind: "vlan"; readonly id: number; readonly rawDevice?: string | undefined };
}

interface Line {
  readonly line: number;
  readonly text: string;
}

/** What stands below an `iface`; of an option written twice the last one counts, but each `post-up`. */
interface Options {
  readonly byName: ReadonlyMap<
    string,
    { readonly line: number; readonly words: readonly string[] }
  >;
  readonly postUps: readonly Line[];
}

/**
 * The interfaces of a Debian interfaces(5) file: the part of it that the original understands. Options that it does not
 * know are passed over, as are `auto` and its likes, for networkd brings up all that it has a file for.
 * @throws {Fault} CLOUD_CONFIG_INVALID naming the line
 */
export function parseStanzas(text: string): readonly Stanza[] {
  const stanzas: Line[][] = [];
  for (const line of readLines(text)) {
    if (STANZA_START.test(wordsOf(line)[0]!)) stanzas.push([line]);
    else if (stanzas.length > 0) stanzas.at(-1)!.push(line);
    else throw refuse(line, `"${line.text}" stands before any stanza; begin with auto or iface`);
  }
  return stanzas.flatMap(([start, ...options]) => parseStanza(start!, options));
}

/** Without comments and empty lines; a line that ends with a backslash goes on in the next one. */
function* readLines(text: string): Generator<Line> {
  let [first, before] = [1, ""];
  const physicals = text.split("\n");
  for (const [i, physical] of physicals.entries()) {
    const goesOn = physical.endsWith("\\") && i + 1 < physicals.length;
    before += goesOn ? physical.slice(0, -1) : physical;
    if (goesOn) continue;
    const line = { line: first, text: before.trim() };
    [first, before] = [i + 2, ""];
    if (COMMENT_OR_EMPTY.test(line.text)) continue;
    // oxlint-disable-next-line no-control-regex
    if (/[\0-\x08\x0e-\x1f\x7f]/.test(line.text))
      throw refuse(line, "has a control character; the file is damaged or no text");
    yield line;
  }
}

function parseStanza(start: Line, optionLines: readonly Line[]): readonly Stanza[] {
  const [kind = "", ...attributes] = wordsOf(start);
  if (attributes.length === 0) throw refuse(start, `${kind} names no interface`);
  if (kind === "auto") return [];
  if (kind !== "iface")
    throw refuse(start, `${kind} cannot be converted; only auto and iface can, so write those`);
  const [name = "", , method = ""] = attributes;
  if (attributes.length !== 3)
    throw refuse(start, "expected iface NAME FAMILY METHOD, such as iface eth0 inet dhcp");
  interfaceName("debian", `line ${start.line}`, name);

  const options = readOptions(optionLines);
  return [
    {
      line: start.line,
      name,
      method: readMethod(start, name, method, options),
      isLoopback: method === "loopback",
      kind: readKind(start, name, options),
    },
  ];
}

function readOptions(lines: readonly Line[]): Options {
  const byName = new Map<string, { line: number; words: readonly string[] }>();
  const postUps: Line[] = [];
  for (const { line, text } of lines) {
    const [name = "", ...words] = wordsOf({ text });
    if (name === "post-up") postUps.push({ line, text: text.slice(name.length).trim() });
    else byName.set(name, { line, words });
  }
  return { byName, postUps };
}

function readMethod(start: Line, name: string, method: string, options: Options): Method {
  switch (method) {
    case "static":
      return readStatic(start, name, options);
    case "dhcp":
      return { kind: "dhcp", mac: readMac(options) };
    case "manual":
    case "loopback":
      return { kind: "none" };
    default:
      throw refuse(start, `"${method}" is no method; write static, dhcp, manual or loopback`);
  }
}

function readStatic(start: Line, name: string, options: Options): Method {
  const address = readWanted(start, name, "address", options);
  const netmask = readWanted(start, name, "netmask", options);
  const network = formatNetwork(address.ip, ipv4Octets(netmask.ip) ?? []);
  if (network === undefined)
    throw refuse(
      netmask,
      "does not go with the address: both are of IPv4, and the mask has its ones at the front",
    );

  const gateway = options.byName.get("gateway");
  const servers = options.byName.get("dns-nameservers");
  const isOneGateway = gateway !== undefined && gateway.words.length === 1;
  return {
    kind: "static",
    mac: readMac(options),
    nameservers: (servers?.words ?? []).map((word) => readIp(word, servers!.line)),
    addresses: [network],
    routes: [
      ...(isOneGateway
        ? [{ destination: ANY_IPV4, gateway: readIp(gateway.words[0]!, gateway.line) }]
        : []),
      ...options.postUps.flatMap((line) => readRoute(line) ?? []),
    ],
  };
}

/** Reads the address that a static interface cannot do without. */
function readWanted(start: Line, name: string, option: "address" | "netmask", options: Options) {
  const { line, words } = options.byName.get(option) ?? { line: start.line, words: [] };
  const ip = words.length === 1 ? parseIp(words[0]!) : undefined;
  if (ip !== undefined) return { line, ip };
  const example = option === "address" ? "10.0.0.2" : "255.0.0.0";
  throw refuse({ line }, `${name} is static: it needs one ${option} such as ${example}`);
}

function readIp(word: string, line: number): string {
  const ip = parseIp(word);
  if (ip === undefined)
    throw refuse({ line }, `"${word}" is no address; write one such as 10.0.0.1`);
  return formatIp(ip);
}

function readMac({ byName }: Options): string | undefined {
  const { line, words } = byName.get("hwaddress") ?? { line: 0, words: [] };
  const [type, address = ""] = words;
  if (words.length !== 2 || type !== "ether") return undefined;
  const mac = parseMac(address);
  if (mac === undefined)
    throw refuse(
      { line },
      `"${address}" is no hardware address; write one such as 52:54:00:12:34:56`,
    );
  return mac;
}

/** `route add -net 10.0.0.0 netmask 255.0.0.0 gw 10.1.0.1`, route(8); other commands, and other routes, are passed over. */
function readRoute({ line, text }: Line): Route | undefined {
  if (!text.startsWith("route add")) return undefined;
  const words = wordsOf({ text });
  let [ip, mask, gateway]: (readonly number[] | undefined)[] = [];
  for (const [i, word] of words.slice(0, -1).entries()) {
    const value = words[i + 1]!;
    if (word === "-net") {
      const cidr = parseCidr(value);
      [ip, mask] = cidr === undefined ? [parseIp(value), mask] : [cidr.network, cidr.mask];
    } else if (word === "netmask") mask = ipv4Octets(parseIp(value) ?? []);
    else if (word === "gw") gateway = parseIp(value);
  }
  if (ip === undefined || mask === undefined || gateway === undefined) return undefined;
  const destination = formatNetwork(ip, mask);
  if (destination === undefined)
    throw refuse(
      { line },
      "the route's netmask does not go with its network; a mask has its ones at the front",
    );
  return { destination, gateway: formatIp(gateway) };
}

function readKind(start: Line, name: string, { byName }: Options): Stanza["kind"] {
  const rawDevice = byName.get("vlan_raw_device");
  if (rawDevice !== undefined || name.includes(".")) {
    const isPlain = !name.includes(".");
    const id = isPlain ? /^vlan([+-]?\d+)$/.exec(name)?.[1] : /\.([+-]?\d+)$/.exec(name)?.[1];
    if (id === undefined || !(Number(id) >= 0 && Number(id) <= VLAN_ID_MAX))
      throw refuse(
        start,
        `"${name}" names no VLAN; write its number, 0 to ${VLAN_ID_MAX}, at the end, as in eth0.100 or vlan100`,
      );
    const [device, ...more] = rawDevice?.words ?? [];
    const parent = more.length > 0 ? undefined : device;
    return {
      kind: "vlan",
      id: Number(id),
      rawDevice:
        parent === undefined
          ? undefined
          : interfaceName("debian", `line ${rawDevice!.line}`, parent),
    };
  }
  const slaves = byName.get("bond-slaves");
  if (slaves === undefined) return { kind: "physical" };
  const options: Record<string, string> = {};
  for (const option of ["mode", "miimon", "lacp-rate"]) {
    const [word] = byName.get(`bond-${option}`)?.words ?? [];
    if (word !== undefined) options[option] = word;
  }
  return {
    kind: "bond",
    slaves: slaves.words.map((slave) => interfaceName("debian", `line ${slaves.line}`, slave)),
    options,
  };
}

function wordsOf({ text }: Pick<Line, "text">): readonly string[] {
  return text.split(/\s+/).filter(Boolean);
}

function refuse({ line }: Pick<Line, "line">, what: string) {
  return refusal("debian", `line ${line}`, what);
}
