import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { convertNetworkConfig, type NetworkConfiguration } from "./network-config.ts";
import { NETWORK_FORMATS, type NetworkFormat } from "./network-format.ts";

/**
 * What the last coreos-cloudinit (its network package, built with Go 1.19) makes of these stands behind `----`; where it
 * refuses, our refusal.
 */
const RECORDED = readFileSync(`${import.meta.dirname}/network-config.recorded.txt`, "utf8");

for (const text of RECORDED.split(/^(?=# (?:debian|packet|vmware): )/m)) {
  const [, format = "", title] = /^# (\w+): (.*)\n/.exec(text) ?? [];
  test(`convertNetworkConfig() of ${format}: ${title}`, () => {
    const [body = "", wanted] = text.slice(text.indexOf("\n") + 1).split(/^----\n/m);
    const config: unknown = format === "debian" ? body : JSON.parse(body);
    assert.equal(`${show(format as NetworkFormat, config)}\n`, `${wanted?.trimEnd()}\n`);
  });
}

test("convertNetworkConfig() names the interfaces, and takes octets for text", () => {
  const text = "iface bond0 inet dhcp\nbond-slaves eth1 eth0\n";
  const converted = convertNetworkConfig("debian", new TextEncoder().encode(text));
  assert.deepEqual(converted.interfaces, ["bond0", "eth0", "eth1"]);
  assert.deepEqual(converted, convertNetworkConfig("debian", text));
});

test("convertNetworkConfig(): an interface without name and address is any one but lo", () => {
  assert.equal(
    show("vmware", { "interface.0.dhcp": "yes" }),
    "== 00-.network\n[Match]\nName=!lo\n\n[Network]\nDHCP=true",
  );
  assert.deepEqual(convertNetworkConfig("vmware", { "interface.0.dhcp": "yes" }).interfaces, []);
});

test("convertNetworkConfig(): blanks between words may be tabs, or several", () => {
  const spaces =
    "iface eth0 inet static\naddress 10.0.0.1\nnetmask 255.0.0.0\npost-up route add -net 10.0.0.0/8 gw 10.0.0.2\n";
  assert.equal(
    show("debian", spaces.replaceAll(" ", "\t ").replace("route\t add", "route add")),
    show("debian", spaces),
  );
});

const STATIC = "iface eth0 inet static\naddress 10.0.0.1\nnetmask 255.0.0.0\n";
const BLOCK = { address: "10.0.0.1", netmask: "255.0.0.0", gateway: "10.0.0.2" };
const REFUSED: readonly [format: NetworkFormat, config: unknown, message: RegExp][] = [
  ["debian", `${STATIC}gateway router\n`, /line 4: "router" is no address/],
  ["debian", `${STATIC}dns-nameservers 10.0.0.1 fe80::1%eth0\n`, /line 4: "fe80::1%eth0" is no/],
  ["debian", `${STATIC}netmask 255.0.255.0\n`, /line 4: does not go with the address/],
  ["debian", `${STATIC}address 2001:db8::1\n`, /line 3: does not go with the address/],
  ["debian", `${STATIC}netmask 2001:db8::1\n`, /line 4: does not go with the address/],
  [
    "debian",
    `${STATIC}\n\npost-up route add -net 10.0.0.0 netmask 255.0.255.0 gw 10.0.0.1\n`,
    /line 6: the route's netmask/,
  ],
  ["debian", "iface eth0.4095 inet dhcp\n", /line 1: "eth0.4095" names no VLAN; .* 0 to 4094/],
  ["debian", "iface eth0.-1 inet dhcp\n", /line 1: "eth0.-1" names no VLAN/],
  ["debian", "iface ../etc/passwd inet dhcp\n", /line 1: the interface's name is "..\/etc/],
  ["debian", "\niface b inet dhcp\nbond-slaves a/b\n", /line 3: the interface's name is "a\/b"/],
  ["debian", "iface vlan1 inet dhcp\nvlan_raw_device é\n", /line 2: the interface's name is "é"/],
  ["debian", "iface eth0 inet dhcp\nbond-mode \0\n", /line 2: has a control character/],
  ["debian", "iface b inet dhcp\nbond-slaves b\n", /line 1: b, a slave of b: a bond cannot/],
  [
    "debian",
    "iface a inet dhcp\nbond-slaves b\n\niface b inet dhcp\nbond-slaves a eth0\n",
    /line 1: a, a slave of b, a slave of a: a bond cannot be its own slave/,
  ],
  ["debian", `iface b inet dhcp\nbond-slaves ${names(1001)}\n`, /line 1: has more than 1000 int/],
  ["debian", "#".repeat(1024 * 1024 + 1), /line 1: expected the text of an interfaces file/],
  ["debian", new Uint8Array([0xff]), /line 1: expected the text of an interfaces file/],
  ["debian", undefined, /line 1: expected the text of an interfaces file/],
  ["packet", undefined, /network.: Invalid type: Expected Object but received undefined/],
  ["packet", { interfaces: [{ name: "" }] }, /network.interfaces.0.name: the interface's name is/],
  ["packet", { interfaces: [{ name: "a\nb" }] }, /network.interfaces.0.name: the interface's name/],
  [
    "packet",
    { interfaces: [{ name: "e" }], addresses: [{ ...BLOCK, netmask: "255.0.255.0" }] },
    /network.addresses.0.netmask: does not go with the address/,
  ],
  [
    "packet",
    { interfaces: [{ name: "e" }], addresses: [{ ...BLOCK, gateway: undefined }] },
    /network.addresses.0.gateway: Invalid/,
  ],
  ["packet", { interfaces: [{ name: "e" }], dns: ["here"] }, /network.dns.0: no address such as/],
  ["vmware", undefined, /guestinfo: expected variables by name/],
  ["vmware", { "interface.0.dhcp": true }, /interface.0.dhcp: expected text/],
  [
    "vmware",
    { "dns.domain.0": "a\n[Route]" },
    /dns.domain.0: is "a\\n\[Route]"; expected a domain/,
  ],
  [
    "vmware",
    { "interface.0.dhcp": "yes", "interface.0.name": " eth0" },
    /interface.0.name: the interface's name is " eth0"/,
  ],
  ["vmware", numbered("dns.domain.", 101), /dns.domain.100: is one more than the 100/],
];

for (const [format, config, message] of REFUSED)
  test(`convertNetworkConfig() refuses ${format}: ${message.source}`, () => {
    assert.throws(() => convertNetworkConfig(format, config), {
      code: "CLOUD_CONFIG_INVALID",
      message,
    });
  });

const WORD = fc.constantFrom(
  ..."auto iface eth0 bond0 vlan7 eth0.5 inet static dhcp address 10.0.0.1 netmask 255.0.0.0 bond-slaves".split(
    " ",
  ),
  ..."post-up route add -net gw vlan_raw_device hwaddress ether # \\ \n \n \n / .. %n \t \u{1f600}".split(
    " ",
  ),
);
const VARIABLE = fc.tuple(
  fc.constantFrom("interface.0.", "interface.1.", "dns.", ""),
  fc.constantFrom("name", "dhcp", "mac", "ip.0.address", "route.0.gateway", "server.0", "domain.0"),
);

test("convertNetworkConfig() gives whole files or its own fault, whatever it gets", () => {
  const config = fc.oneof(
    fc.array(WORD).map((words) => words.join(" ")),
    fc.array(WORD).map((words) => `iface eth0 inet dhcp\n${words.join(" ")}`),
    fc.dictionary(
      VARIABLE.map((parts) => parts.join("")),
      fc.oneof(fc.string(), fc.constantFrom("yes", "1.2.3.4/8", "::1")),
    ),
    fc.record({ interfaces: fc.array(fc.record({ name: fc.string() })), dns: fc.array(fc.ipV6()) }),
    fc.uint8Array(),
    fc.anything(),
  );
  fc.assert(
    fc.property(fc.constantFrom(...NETWORK_FORMATS), config, (format, given) => {
      const converted = convertOrFault(format, given);
      for (const { name, content } of converted?.files ?? []) {
        assert.match(name, /^[0-9a-f]{2,}-[^/]*\.(?:network|netdev)$/);
        for (const line of content.split("\n"))
          assert.match(
            line,
            /^(?:\[(?:Match|Network|Address|Route|NetDev|Bond|VLAN)\]|[\w-]+=.+|)$/,
          );
      }
    }),
    { numRuns: 2000 },
  );
});

test("convertNetworkConfig(): every address comes out as the one that went in", () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
      const config = {
        "dns.server.0": address,
        "interface.0.name": "e",
        "interface.0.ip.0.address": "10.0.0.1/8",
      };
      const [file] = convertNetworkConfig("vmware", config).files;
      const written = /^DNS=(.*)$/m.exec(file!.content)![1]!;
      assert.equal(canonical(written), canonical(address));
      const again = convertNetworkConfig("vmware", { ...config, "dns.server.0": written });
      assert.deepEqual(again.files, [file]);
    }),
  );
});

function convertOrFault(format: NetworkFormat, config: unknown): NetworkConfiguration | undefined {
  try {
    return convertNetworkConfig(format, config);
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === "CLOUD_CONFIG_INVALID", String(error));
    return undefined;
  }
}

/** As the recording has it. */
function show(format: NetworkFormat, config: unknown): string {
  try {
    const { modules, files } = convertNetworkConfig(format, config);
    return [
      ...modules.map(({ name, options }) => `module ${[name, ...options].join(" ")}\n`),
      ...files.map(({ name, content }) => `== ${name}\n${content}`),
    ]
      .join("")
      .trimEnd();
  } catch (error) {
    return (error as Error).message;
  }
}

/** The platform's own reading of an address. */
function canonical(address: string): string {
  if (!address.includes(":")) return address;
  const { hostname } = new URL(`http://[${address}]/`);
  const [, high = "", low = ""] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high === "") return hostname;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join(".");
}

function names(count: number): string {
  return Array.from({ length: count }, (_, i) => `eth${i}`).join(" ");
}

function numbered(prefix: string, count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, "x"]));
}
