import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNetwork, freeNetworkAfter } from "./network.ts";
import { isNetwork } from "./project-values.ts";

const NETWORKS: [text: string, is: boolean][] = [
  ["127.0.1", true],
  ["192.168.10", true],
  ["10.0.0", true],
  ["10.0.0.0", false],
  ["10.0", false],
  ["10.0.256", false],
  ["10.0.01", false],
  ["0.0.1", false],
  ["224.0.0", false],
  ["10.0.x", false],
  ["", false],
];
for (const [text, is] of NETWORKS)
  test(`"${text}" is ${is ? "a" : "no"} network of machines`, () => {
    assert.equal(isNetwork(text), is);
  });

const FITS: [network: string, provider: string, fits: boolean][] = [
  ["127.0.1", "process", true],
  ["127.0.0", "process", false],
  ["10.0.0", "process", false],
  ["10.0.0", "container", true],
  ["127.0.1", "container", false],
];
for (const [network, provider, fits] of FITS)
  test(`machines of provider ${provider} ${fits ? "can" : "cannot"} be in ${network}`, () => {
    const check = () => checkNetwork(network, provider);
    if (fits) check();
    else
      assert.throws(check, { code: "USAGE", message: new RegExp(`Cannot use network ${network}`) });
  });

test("freeNetworkAfter() takes the preferred one, else the next, all around", () => {
  assert.equal(freeNetworkAfter("127.0.1", ["127.0.2"]), "127.0.1");
  assert.equal(freeNetworkAfter("127.0.1", ["127.0.2", "127.0.1"]), "127.0.3");
  assert.equal(freeNetworkAfter("10.1.254", ["10.1.254"]), "10.1.1");
  const all = Array.from({ length: 256 }, (_, third) => `127.0.${third}`);
  assert.throws(() => freeNetworkAfter("127.0.1", all), { code: "ADDRESS_IN_USE" });
});
