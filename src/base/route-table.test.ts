import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultRouteIpv4, defaultRouteIpv6 } from "./route-table.ts";

const IPV4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0100A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth1	00000000	010200C0	0202	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
`;
const ZERO = "0".repeat(32);
const ipv6 = (gateway: string, metric: string, flags: string, name: string) =>
  `${ZERO} 00 ${ZERO} 00 ${gateway} ${metric} 00000001 00000000 ${flags} ${name.padStart(8)}\n`;

test("the default route with the lowest metric that is up and rejects nothing counts", () => {
  assert.deepEqual(defaultRouteIpv4(IPV4), { interface: "eth0", gateway: "192.0.2.1" });
  const table =
    ipv6("fe80000000000000000000000000000a", "00000400", "00000003", "eth1") +
    ipv6("20010db8000000000001000000000001", "00000100", "00000003", "eth0") +
    ipv6(ZERO, "00000000", "00200200", "lo") +
    ipv6(ZERO, "00000001", "00000201", "eth2");
  assert.deepEqual(defaultRouteIpv6(table), { interface: "eth0", gateway: "2001:db8::1:0:0:1" });
});

test("a default route without a gateway has none", () => {
  const line = "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
  assert.deepEqual(defaultRouteIpv4(line), { interface: "ppp0" });
  assert.deepEqual(defaultRouteIpv6(ipv6(ZERO, "00000001", "00000001", "ppp0")), {
    interface: "ppp0",
  });
});

for (const [hex, address] of [
  ["fe80000000000000000000000000000a", "fe80::a"],
  ["20010db8000000010000000000000000", "2001:db8:0:1::"],
  ["00000000000000000000000000000001", "::1"],
  ["20010db8000100020003000400050006", "2001:db8:1:2:3:4:5:6"],
  ["20010db8000000010002000300040005", "2001:db8:0:1:2:3:4:5"],
  ["20010000000000010000000000000001", "2001:0:0:1::1"],
] as const)
  test(`an IPv6 gateway reads ${address}`, () => {
    assert.equal(defaultRouteIpv6(ipv6(hex, "00000001", "00000003", "eth0"))?.gateway, address);
  });

test("whatever a table says, there is a route or none", () => {
  const line = fc
    .array(fc.oneof(fc.constantFrom("00000000", ZERO, "00", "0003", "eth0"), fc.string()))
    .chain((words) => fc.constantFrom("\t", " ").map((by) => words.join(by)));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const route of [defaultRouteIpv4(lines.join("\n")), defaultRouteIpv6(lines.join("\n"))])
        assert.ok(route === undefined || typeof route.interface === "string");
    }),
  );
});
