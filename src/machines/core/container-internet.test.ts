import assert from "node:assert/strict";
import { test } from "node:test";
import { nameserversIn, translationRules, translationTable } from "./container-internet.ts";

const RESOLV_CONF = [
  { name: "plain", text: "nameserver 192.0.2.53\nsearch lan\n", servers: ["192.0.2.53"] },
  { name: "systemd-resolved's stub", text: "nameserver 127.0.0.53\noptions edns0\n", servers: [] },
  {
    name: "several",
    text: "nameserver 127.0.0.1\nnameserver\t10.0.0.1  \n",
    servers: ["10.0.0.1"],
  },
  { name: "version 6", text: "nameserver 2001:db8::1\n", servers: [] },
  { name: "a comment", text: "# nameserver 10.0.0.1\n", servers: [] },
  { name: "none", text: "", servers: [] },
];

for (const { name, text, servers } of RESOLV_CONF)
  test(`name servers that a machine reaches: ${name}`, () => {
    assert.deepEqual(nameserversIn(text), servers);
  });

test("rules are those of one bridge, in a table that nft can name", () => {
  assert.equal(translationTable("kl-0123abcd"), "keelson_kl_0123abcd");
  const rules = translationRules("kl-0123abcd", "10.64.5");
  assert.match(rules, /ip saddr 10\.64\.5\.0\/24 ip daddr != 10\.64\.5\.0\/24 masquerade/);
  assert.match(rules, /iifname != "kl-0123abcd" oifname "kl-0123abcd" drop/);
});
