import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { setDiscovery } from "./project-discovery.ts";

const URL = "http://10.0.0.1:8087/6a28e078895c5ec737174db2419bb2f3";

const CASES: { name: string; before: string; after: string }[] = [
  {
    name: "replaces one that is there, comments and all else as written",
    before: `#cloud-config
# mine
coreos:
  update: {reboot-strategy: off}
  etcd2:
    # a token
    discovery: https://discovery.etcd.io/<token>   # replace me
    name: "0644"
`,
    after: `#cloud-config
# mine
coreos:
  update: {reboot-strategy: off}
  etcd2:
    # a token
    discovery: ${URL}   # replace me
    name: "0644"
`,
  },
  {
    name: "replaces a placeholder and one in quotes, of etcd and etcd2",
    before: `#cloud-config\ncoreos:\n  etcd:\n    discovery: <token>\n  etcd2:\n    discovery: "x"\n`,
    after: `#cloud-config\ncoreos:\n  etcd:\n    discovery: ${URL}\n  etcd2:\n    discovery: ${URL}\n`,
  },
  {
    name: "fills in an empty one",
    before: "#cloud-config\ncoreos:\n  etcd2:\n    discovery:\n    name: x\n",
    after: `#cloud-config\ncoreos:\n  etcd2:\n    discovery: ${URL}\n    name: x\n`,
  },
  {
    name: "puts a missing one first",
    before: "#cloud-config\ncoreos:\n  etcd2:\n    # discovery: x\n    name: x\n",
    after: `#cloud-config\ncoreos:\n  etcd2:\n    # discovery: x\n    discovery: ${URL}\n    name: x\n`,
  },
  {
    name: "knows flow style",
    before: "#cloud-config\ncoreos: {etcd2: {name: x}}\n",
    after: `#cloud-config\ncoreos: {etcd2: {discovery: "${URL}", name: x}}\n`,
  },
  {
    name: "knows an empty map",
    before: "#cloud-config\ncoreos: {etcd2: {}}\n",
    after: `#cloud-config\ncoreos: {etcd2: {discovery: "${URL}"}}\n`,
  },
  {
    name: "leaves a cloud-config without etcd",
    before: "#cloud-config\ncoreos: {fleet: {}}\n",
    after: "#cloud-config\ncoreos: {fleet: {}}\n",
  },
  { name: "leaves scripts", before: "#!/bin/sh\n# coreos:", after: "#!/bin/sh\n# coreos:" },
  { name: "leaves nothing", before: "", after: "" },
];

for (const { name, before, after } of CASES)
  test(`setDiscovery() ${name}`, () => {
    assert.equal(setDiscovery(before, URL), after);
  });

test("setDiscovery() changes that one value and nothing else, whatever stands beside it", () => {
  const text = fc.string({ unit: "grapheme-ascii", maxLength: 12 });
  const settings = fc.dictionary(fc.constantFrom("name", "discovery", "proxy", "x-y"), text);
  fc.assert(
    fc.property(settings, fc.boolean(), (etcd2, isFlow) => {
      const inner = Object.entries(etcd2).map(([k, v]) => `${k}: ${JSON.stringify(v)}`);
      const body = isFlow
        ? ` {${inner.join(", ")}}\n`
        : `${inner.map((line) => `\n    ${line}`).join("")}\n`;
      const before = `#cloud-config\ncoreos:\n  etcd2:${body}  fleet: {public-ip: "1"}\n`;
      const changed: unknown = parse(setDiscovery(before, URL));
      const given = isFlow || inner.length > 0 ? { ...etcd2, discovery: URL } : null;
      assert.deepEqual(changed, { coreos: { etcd2: given, fleet: { "public-ip": "1" } } });
    }),
  );
});
