import { isLinkLocal } from "#base/link-local.ts";
import type { InterfaceAddress, InterfaceFacts, MachineFacts } from "./machine-facts.ts";
import { type FactGroup, isGroup, isList, REVERSE_NAMES, type Value } from "./template-value.ts";

/** The facts as templates name them. A value is one line: control characters are taken out of it. */
export function templateFacts(facts: MachineFacts): FactGroup {
  const real = realFacts(facts);
  return facts.isExample ? withExamples(real, EXAMPLE) : real;
}

function realFacts(facts: MachineFacts): FactGroup {
  const { system } = facts;
  const interfaces = system?.interfaces ?? [];
  const route = system?.defaultRoute;
  const default_ =
    route === undefined
      ? onlyReachable(interfaces)
      : interfaces.find(({ name }) => name === route.interface);
  return group({
    hostname: facts.hostname ?? facts.currentHostname,
    private_ipv4: facts.privateIpv4,
    public_ipv4: facts.publicIpv4,
    private_ipv6: facts.privateIpv6,
    public_ipv6: facts.publicIpv6,
    machine: group({
      id: system?.machineId,
      arch: system?.architecture,
      kernel: system?.kernel,
      cpus: system?.cpus,
      memory_mib: system?.memoryMib,
      ...system?.hardware,
    }),
    os: group(system?.os ?? {}),
    interfaces: group(Object.fromEntries(interfaces.map((each) => [each.name, onInterface(each)]))),
    default:
      default_ === undefined ? undefined : onInterface(default_, { gateway: route?.gateway }),
    metadata: group(facts.metadata),
    [REVERSE_NAMES]: group(system?.reverseNames ?? {}),
  });
}

/** Where a network leads nowhere else: the interface with an address that others have a use for, if there is one only. */
function onlyReachable(interfaces: readonly InterfaceFacts[]): InterfaceFacts | undefined {
  const reachable = interfaces.filter(
    ({ name, ipv4, ipv6 }) =>
      name !== "lo" && [...ipv4, ...ipv6].some(({ address }) => !isLinkLocal(address)),
  );
  return reachable.length === 1 ? reachable[0] : undefined;
}

function onInterface(
  { name, mac, ipv4, ipv6 }: InterfaceFacts,
  more: Readonly<Record<string, string | undefined>> = {},
): FactGroup {
  return group({
    name,
    mac,
    ...more,
    ipv4: ipv4[0]?.address,
    ipv4_cidr: ipv4[0] && cidr(ipv4[0]),
    ipv4_list: ipv4.map(({ address }) => address),
    ipv6: ipv6[0]?.address,
    ipv6_cidr: ipv6[0] && cidr(ipv6[0]),
    ipv6_list: ipv6.map(({ address }) => address),
  });
}

function cidr({ address, prefixLength }: InterfaceAddress): string {
  return `${address}/${prefixLength}`;
}

function group(entries: Readonly<Record<string, Value | undefined>>): FactGroup {
  const present = new Map<string, Value>();
  for (const name of Object.keys(entries).toSorted()) {
    const value = entries[name];
    if (value !== undefined) present.set(name, typeof value === "string" ? oneLine(value) : value);
  }
  return { entries: present };
}

function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001F\u007F-\u009F\u2028\u2029]/g, "");
}

/** What any fact of a group with open names might be: a text, a number and a list of one alike. */
const ANYTHING = "1";

const EXAMPLE_INTERFACE: InterfaceFacts = {
  name: "eth0",
  mac: "00:00:5e:00:53:01", // RFC 7042 section 2.1.2
  ipv4: [{ address: "192.0.2.1", prefixLength: 24 }], // RFC 5737
  ipv6: [{ address: "2001:db8::1", prefixLength: 64 }], // RFC 3849
};

/** Every name that a machine may have a fact by. */
const EXAMPLE: FactGroup = group({
  hostname: "example",
  private_ipv4: "192.0.2.1",
  public_ipv4: "203.0.113.1",
  private_ipv6: "2001:db8::1",
  public_ipv6: "2001:db8::2",
  machine: group({
    id: "00000000000000000000000000000001",
    arch: "x86_64",
    kernel: "6.1.0",
    cpus: 1,
    memory_mib: 1024,
    vendor: "example",
    product: "example",
    serial: "1",
    uuid: "00000000-0000-0000-0000-000000000001",
  }),
  os: { ...group({ id: "example", version_id: "1" }), others: ANYTHING },
  interfaces: { entries: new Map(), others: onInterface(EXAMPLE_INTERFACE) },
  default: onInterface(EXAMPLE_INTERFACE, { gateway: "192.0.2.254" }),
  metadata: { entries: new Map(), others: ANYTHING },
  [REVERSE_NAMES]: { entries: new Map(), others: "example.example.com" }, // RFC 2606
});

/** What `facts` lack, from `examples`. */
function withExamples(facts: FactGroup, examples: FactGroup): FactGroup {
  const entries = new Map(examples.entries);
  for (const [name, value] of facts.entries) {
    const example = examples.entries.get(name) ?? examples.others;
    const both = example !== undefined && isGroup(example) && isGroup(value);
    entries.set(name, both ? withExamples(value, example) : value);
  }
  return examples.others === undefined ? { entries } : { entries, others: examples.others };
}

/** One fact, as a template names it and as it would appear. */
export interface DescribedFact {
  readonly name: string;
  /** Texts in a list when the fact is one. */
  readonly value: string | number | boolean | readonly string[];
}

/** Everything that a template may ask for on this machine, by name; reverse lookups as `reverse("192.0.2.1")`. */
export function describeFacts(facts: MachineFacts): readonly DescribedFact[] {
  return describeGroup(templateFacts(facts), "");
}

function describeGroup(facts: FactGroup, at: string): DescribedFact[] {
  return [...facts.entries].flatMap(([name, value]) => {
    const path = nameBelow(at, name);
    if (isGroup(value)) return describeGroup(value, path);
    return [{ name: path, value: isList(value) ? value.map(String) : value }];
  });
}

function nameBelow(at: string, name: string): string {
  if (at === REVERSE_NAMES) return `reverse(${JSON.stringify(name)})`;
  if (at === "") return name;
  return /^[A-Za-z_](?:[\w-]*\w)?$/.test(name) ? `${at}.${name}` : `${at}[${JSON.stringify(name)}]`;
}
