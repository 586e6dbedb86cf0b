import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  bridgeName,
  containerName,
  freeNetwork,
  gatewayOf,
  networkOf,
  overlaps,
  portName,
} from "./container-network.ts";

const INTERFACE_NAME_MAX = 15; // IFNAMSIZ, linux/if.h, without its end

const OVERLAPS = [
  { network: "10.64.0", line: "10.64.0.0/24 dev kl-1 proto kernel scope link", is: true },
  { network: "10.64.0", line: "10.64.1.0/24 dev kl-1 proto kernel scope link", is: false },
  { network: "10.64.0", line: "10.64.0.77 dev wg0 scope link", is: true },
  { network: "10.64.9", line: "10.64.0.0/16 via 10.0.0.1 dev eth0", is: true },
  { network: "10.64.9", line: "10.64.9.128/25 dev eth1", is: true },
  { network: "10.65.9", line: "10.0.0.0/8 dev tun0", is: true },
  { network: "10.65.9", line: "broadcast 10.65.9.255 dev x table local", is: true },
  {
    network: "10.65.9",
    line: "2: eth0    inet 10.65.9.4/24 brd 10.65.9.255 scope global",
    is: true,
  },
  { network: "10.65.9", line: "0.0.0.0/0 via 192.168.0.1 dev eth0", is: false },
  { network: "10.65.9", line: "unreachable 192.168.0.0/16", is: false },
  { network: "10.65.9", line: "10.65.9.4.5 999.65.9.1 text", is: false },
];

for (const { network, line, is } of OVERLAPS)
  test(`${network}.0/24 ${is ? "touches" : "is apart from"} "${line}"`, () => {
    assert.equal(overlaps(network, [line]), is);
  });

const byte = fc.integer({ min: 0, max: 255 });
/** None is so wide that a few of them leave no room. */
const anyRoute = fc
  .tuple(fc.constantFrom(10, 172, 192), byte, byte, byte, fc.integer({ min: 12, max: 32 }))
  .map(([a, b, c, d, prefix]) => `${a}.${b}.${c}.${d}/${prefix} dev x`);

test("a chosen network touches none of those taken, and is the same for the same seed", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(anyRoute, { maxLength: 20 }), (seed, taken) => {
      const network = freeNetwork(seed, taken);
      assert.ok(network !== undefined && !overlaps(network, taken));
      assert.equal(freeNetwork(seed, taken), network);
      assert.match(network, /^10\.(6[4-9]|[7-9]\d|1[0-8]\d|19[01])\.\d{1,3}$/);
    }),
  );
});

test("where all are taken there is none", () => {
  assert.equal(freeNetwork(7, ["10.0.0.0/8 dev tun0"]), undefined);
});

test("a seed's neighbour is taken when its own network is", () => {
  assert.equal(freeNetwork(5, []), "10.64.5");
  assert.equal(freeNetwork(5, ["10.64.5.1/24"]), "10.64.6");
  assert.equal(freeNetwork(128 * 256 - 1, ["10.191.255.9"]), "10.64.0");
});

test("names of interfaces fit the kernel, whatever the machine", () => {
  for (const number of [1, 99, 253])
    assert.ok(portName(containerName("0123abcd", number)).length <= INTERFACE_NAME_MAX);
  assert.ok(bridgeName("0123abcd").length <= INTERFACE_NAME_MAX);
  assert.equal(gatewayOf(networkOf("10.64.5.7")), "10.64.5.254");
});
